"""Active health checks of a mesh's services: started, obeyed, changed and stopped."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import httpx
import pytest

from meshlib import ConfigurationError, Endpoint, Mesh, MeshClient, ServiceConfig
from meshlib.events import EndpointHealthChanged, EndpointReadmitted
from support.real import wait_until

A, B, C = "http://10.0.0.1:80", "http://10.0.0.2:80", "http://10.0.0.3:80"


class Sick:
    """A check that fails for the endpoints that are `down`, and counts what it did."""

    def __init__(self, *down: str) -> None:
        self.down = set(down)
        self.checked: list[str] = []

    def __call__(self, endpoint: Endpoint) -> bool:
        """Note the check, and judge."""
        self.checked.append(endpoint.url)
        return endpoint.url not in self.down

    @property
    def settings(self) -> dict[str, Any]:
        """What a document says; real seconds, but few of them."""
        return {"call": self, "interval": 0.01, "unhealthy_threshold": 1}


def client(services: dict[str, Any], **options: Any) -> MeshClient:
    """A client whose endpoints all answer, and take turns."""
    for settings in services.values():
        settings["balancer"] = "round_robin"
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=request.url.host))
    return MeshClient(services=services, transport=transport, **options)


def healthy(made: MeshClient, service: str = "users") -> set[str]:
    """The endpoints that are held to be healthy."""
    return {t.endpoint.url for t in made.mesh.service(service).targets if t.healthy}


def test_unhealthy_endpoint_gets_no_calls_until_it_is_well() -> None:
    """A check of two of three endpoints fails, and later passes again."""
    check = Sick(A)
    events: list[Any] = []
    users = {"endpoints": [A, B, C], "health_check": check.settings}
    with client({"users": users}, listeners=[events.append]) as made:
        assert [] == check.checked  # nothing runs before the service is called
        made.get("http://users/")
        wait_until("A is unhealthy", lambda: healthy(made) == {B, C})
        assert {"10.0.0.2", "10.0.0.3"} == {made.get("http://users/").text for _ in range(20)}
        measured = made.mesh.metrics().services["users"].endpoints
        assert not measured[A].healthy
        assert "closed" == measured[A].breaker
        check.down.clear()
        wait_until("A is well", lambda: healthy(made) == {A, B, C})
        assert "10.0.0.1" in {made.get("http://users/").text for _ in range(20)}
    changes = [
        (event.endpoint.url, event.healthy)
        for event in events
        if isinstance(event, EndpointHealthChanged)
    ]
    assert [(A, False), (A, True)] == changes


def test_all_unhealthy_is_panic_and_calls_go_on() -> None:
    """Health only prefers: when everything seems down, everything is used."""
    check = Sick(A, B)
    users = {"endpoints": [A, B], "health_check": check.settings}
    with client({"users": users}) as made:
        made.get("http://users/")
        wait_until("panic", lambda: made.mesh.metrics().services["users"].panic == (0,))
        assert {"10.0.0.1", "10.0.0.2"} == {made.get("http://users/").text for _ in range(20)}


def test_passing_check_ends_an_ejection() -> None:
    """Ejected by its calls, an endpoint is back as soon as a check passes."""
    check = Sick()
    events: list[Any] = []
    users = {"endpoints": [A, B, C], "health_check": check.settings}
    with client({"users": users}, listeners=[events.append]) as made:
        made.get("http://users/")
        service = made.mesh.service("users")
        target = service.targets[0]
        target.outlier.ejected = True
        service.rebuild()
        wait_until("it is back", lambda: not target.outlier.ejected)
        wait_until("it is picked", lambda: target in service.pickable.candidates)
    assert any(isinstance(event, EndpointReadmitted) for event in events)


def test_endpoints_that_come_are_checked_and_those_that_go_are_not() -> None:
    """The checks follow every new list."""
    check = Sick(C)
    users = {"endpoints": [A], "health_check": check.settings}
    with client({}, config={"services": {"users": users}}) as made:
        made.get("http://users/")
        wait_until("A is checked", lambda: A in check.checked)
        made.mesh.apply({"services": {"users": {**users, "endpoints": [B, C]}}})
        wait_until("C is unhealthy", lambda: healthy(made) == {B})
        wait_until("A is gone", lambda: A not in check.checked[-20:] and len(check.checked) > 40)


def test_unhealthy_until_checked_if_so_assumed() -> None:
    """With `assume: unhealthy` an endpoint gets no calls before its first check passed."""
    gate = threading.Event()

    def check(endpoint: Endpoint) -> bool:
        return endpoint.url != B or gate.wait(60)

    settings = {"call": check, "interval": 0.01, "timeout": 60, "assume": "unhealthy"}
    users = {"endpoints": [A, B], "health_check": settings}
    with client({"users": users}) as made:
        made.mesh.service("users")
        wait_until("A passed", lambda: healthy(made) == {A})
        gate.set()
        wait_until("B passed", lambda: healthy(made) == {A, B})


def test_checks_change_with_the_document() -> None:
    """Other checks take over; without any, what the last ones found counts no more."""
    first, second = Sick(A), Sick(B)
    users = {"endpoints": [A, B], "health_check": first.settings}
    with client({}, config={"services": {"users": users}}) as made:
        made.get("http://users/")
        wait_until("A is unhealthy", lambda: healthy(made) == {B})
        made.mesh.apply({"services": {"users": {**users, "health_check": second.settings}}})
        made.get("http://users/")
        wait_until("B is unhealthy", lambda: healthy(made) == {A})
        made.mesh.apply({"services": {"users": {"endpoints": [A, B]}}})
        assert {A, B} == healthy(made)
        count = len(second.checked)
        made.get("http://users/")
        assert made.mesh.service("users").health is None
        assert len(second.checked) <= count + 2  # one of each may have been under way


def test_same_checks_go_on_when_other_things_change() -> None:
    """A new timeout is no reason to forget which endpoint is down."""
    check = Sick(A)
    users = {"endpoints": [A, B], "health_check": check.settings}
    with client({}, config={"services": {"users": users}}) as made:
        made.get("http://users/")
        wait_until("A is unhealthy", lambda: healthy(made) == {B})
        monitor = made.mesh.service("users").health
        made.mesh.apply({"services": {"users": {**users, "timeout": 3}}})
        assert monitor is made.mesh.service("users").health
        assert {B} == healthy(made)


def test_discovered_services_are_checked_by_the_defaults() -> None:
    """Of endpoints that a source tells, too; and never an outside origin."""
    check = Sick(A)
    config = {
        "defaults": {"health_check": check.settings},
        "discovery": {"static": {"endpoints": {"users": [A, B]}}},
    }
    with client({}, config=config) as made:
        made.get("http://users/")
        made.get("http://api.example.com/")
        wait_until("A is unhealthy", lambda: healthy(made) == {B})
        assert not [url for url in check.checked if "example" in url]
        made.mesh.apply({**config, "defaults": {}})
        made.get("http://users/")
        assert {A, B} == healthy(made)


def test_start_begins_checks_before_the_first_call() -> None:
    """`Mesh.start` is for those who want to know early."""
    check = Sick(A)
    users = {"endpoints": [A, B], "health_check": check.settings}
    with Mesh(services={"users": users}) as mesh:
        mesh.start()
        wait_until(
            "A is unhealthy", lambda: not mesh.metrics().services["users"].endpoints[A].healthy
        )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_child_checks_for_itself() -> None:
    """The child has no thread of its parent's; its first call starts one."""
    check = Sick()
    users = {"endpoints": [A, B], "health_check": check.settings}
    with client({"users": users}) as made:
        made.get("http://users/")
        wait_until("A is checked", lambda: A in check.checked)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                check.down.add(A)
                made.get("http://users/")
                wait_until("A is unhealthy", lambda: healthy(made) == {B})
                code = 0
            finally:
                os._exit(code)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert {A, B} == healthy(made)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"htp": {"path": "/x"}}, "services.users.health_check.htp"),
        ({}, "services.users.health_check"),
        ({"tcp": {}, "http": {"path": "/x"}}, "services.users.health_check"),
        ({"http": {"path": "x"}}, "services.users.health_check.http.path"),
    ],
)
def test_wrong_checks_are_refused_with_their_place(said: Any, path: str) -> None:
    """A document that could not be carried out is refused as a whole."""
    with pytest.raises(ConfigurationError) as caught:
        Mesh(services={"users": {"endpoints": [A], "health_check": said}})
    assert caught.value.path == path


def test_other_kind_of_check_replaces_the_inherited_one() -> None:
    """When to check is inherited, what to check is not mixed."""
    mesh = Mesh(
        config={
            "defaults": {"health_check": {"http": {"path": "/health"}, "interval": 7}},
            "services": {
                "users": {"endpoints": [A], "health_check": {"tcp": True}},
                "orders": {"endpoints": [A], "health_check": {"http": {"status": 204}}},
                "quiet": {"endpoints": [A], "health_check": False},
            },
        }
    )
    users: ServiceConfig = mesh.config.services["users"]
    assert users.health_check is not None
    assert users.health_check.tcp is not None
    assert (None, 7) == (users.health_check.http, users.health_check.interval)
    orders = mesh.config.services["orders"].health_check
    assert orders is not None
    assert orders.http is not None
    assert ("/health", ((204, 204),)) == (orders.http.path, orders.http.status)
    assert mesh.config.services["quiet"].health_check is None


def test_every_kind_of_check_is_known_to_the_merge() -> None:
    """A kind that were not, two documents would mix with another one."""
    from meshlib.config import _merge
    from meshlib.health import HealthCheckOptions

    kinds = {
        name
        for name, field in HealthCheckOptions.model_fields.items()
        if field.default is None and name not in ("port", "edge_interval", "unhealthy_interval")
    }
    assert kinds == _merge._CHECKS


def test_check_that_needs_a_missing_library_is_refused_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What could not be carried out is known before anything is changed."""
    users = {"endpoints": [A], "health_check": {"grpc": True}}
    with client({}, config={"services": {"users": {"endpoints": [A]}}}) as made:
        before = made.mesh.config
        monkeypatch.setitem(sys.modules, "h2.events", None)
        monkeypatch.setitem(sys.modules, "h2", None)
        with pytest.raises(ConfigurationError, match="h2") as caught:
            made.mesh.apply({"services": {"users": users}})
        assert "services.users.health_check.grpc" == caught.value.path
        assert before is made.mesh.config
        with pytest.raises(ConfigurationError, match="h2"):
            Mesh(services={"users": users})
