"""A configuration that changes while calls are made."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from meshlib import ConfigurationError, Endpoint, Event, Mesh, MeshClient
from meshlib.events import ConfigurationApplied, ConfigurationRejected

A, B = "http://10.0.0.1:80", "http://10.0.0.2:80"


def document(**services: Any) -> dict[str, Any]:
    """A document of these services."""
    return {"services": services}


@pytest.fixture
def events() -> list[Event]:
    """What listeners heard."""
    return []


@pytest.fixture
def mesh(events: list[Event]) -> Mesh:
    """A mesh of two services."""
    return Mesh(
        "shop",
        config=document(users={"endpoints": [A, B]}, orders={"endpoints": [A]}),
        listeners=[events.append],
    )


def test_what_stays_keeps_its_state(mesh: Mesh, events: list[Event]) -> None:
    """An open breaker stays open, a new endpoint has a new one, one that left is gone."""
    users = mesh.service("users")
    users.targets[0].breaker.isolate()
    before = users.targets[0]
    third = "http://10.0.0.3:80"
    changed = mesh.apply(document(users={"endpoints": [A, third]}, orders={"endpoints": [A]}))
    assert ("users",) == changed
    assert mesh.service("users") is users
    assert [before.address, third] == [target.address for target in users.targets]
    assert users.targets[0] is before
    assert "isolated" == before.breaker.state.value
    applied = [event for event in events if isinstance(event, ConfigurationApplied)]
    assert [("users",)] == [event.changed for event in applied]


def test_an_invalid_document_changes_nothing(mesh: Mesh, events: list[Event]) -> None:
    """Not even the part of it that is valid."""
    config = mesh.config
    with pytest.raises(ConfigurationError):
        mesh.apply(document(users={"endpoints": [B]}, orders={"endpoints": ["ftp://x"]}))
    assert mesh.config is config
    assert 2 == len(mesh.service("users").targets)
    assert [ConfigurationRejected] == [
        type(event) for event in events if isinstance(event, ConfigurationRejected)
    ]


def test_new_options_take_effect_on_what_they_concern(mesh: Mesh) -> None:
    """A new bulkhead keeps the count, a new breaker is new, the same balancer goes on."""
    users = mesh.service("users")
    budget, balancer, bulkhead = users.budget, users.balancer, users.bulkhead
    assert bulkhead.try_acquire()
    mesh.apply(
        document(
            users={
                "endpoints": [A, B],
                "bulkhead": {"max_concurrency": 1, "max_queue": 0},
                "breaker": {"consecutive_failures": 2},
                "timeout": 3,
            },
            orders={"endpoints": [A]},
        )
    )
    assert users.bulkhead is bulkhead
    assert not bulkhead.try_acquire()
    assert (budget, balancer) == (users.budget, users.balancer)
    assert 3 == users.policies.timeout


def test_services_come_and_go(mesh: Mesh) -> None:
    """A removed one is unknown, an added one is called, an alias can be added."""
    mesh.apply(document(orders={"endpoints": [A], "aliases": ["bills"]}, new={"endpoints": [B]}))
    client = MeshClient(
        mesh=mesh, transport=httpx.MockTransport(lambda r: httpx.Response(200, text=r.url.host))
    )
    assert "10.0.0.2" == client.get("http://new/").text
    assert "10.0.0.1" == client.get("http://bills/").text
    assert "http://users" == mesh.explain("http://users/").service
    assert {"orders", "new"} == set(mesh.config.services)


def test_faults_and_defaults_change_for_all(mesh: Mesh) -> None:
    """Rules act from the next call on; outside origins live by the defaults."""
    client = MeshClient(mesh=mesh, transport=httpx.MockTransport(lambda r: httpx.Response(200)))
    assert 200 == client.get("http://api.example/").status_code
    mesh.apply(
        {
            **document(users={"endpoints": [A]}, orders={"endpoints": [A]}),
            "defaults": {"timeout": 2},
            "faults": [{"name": "down", "abort": {"status": 500}}],
        }
    )
    assert 500 == client.get("http://api.example/").status_code
    assert 500 == client.get("users", "/").status_code
    outside = mesh.directory.origins["http://api.example"]
    assert 2 == outside.policies.timeout
    mesh.apply(document(users={"endpoints": [A]}, orders={"endpoints": [A]}))
    assert 200 == client.get("users", "/").status_code


class Source:
    """Tells one endpoint."""

    name = "source"

    def __init__(self, url: str) -> None:
        self.url = url

    async def watch(self, service: str) -> AsyncIterator[list[Endpoint]]:
        """The endpoint, for ever."""
        yield [Endpoint(self.url)]
        await anyio.sleep_forever()


def test_a_service_can_change_from_a_list_to_a_source_and_back(mesh: Mesh) -> None:
    """Discovery starts with the next call, and ends when the list is back."""
    client = MeshClient(
        mesh=mesh, transport=httpx.MockTransport(lambda r: httpx.Response(200, text=r.url.host))
    )
    came = threading.Event()
    users = mesh.service("users")
    update = users.update

    def watched(endpoints: Any) -> Any:
        result = update(endpoints)
        came.set()
        return result

    users.update = watched  # type: ignore[method-assign]  # to know when it was told
    mesh.apply(document(users={"discovery": Source("http://10.0.0.7:80")}))
    client.get("users", "/")
    assert came.wait(20)
    assert "10.0.0.7" == client.get("users", "/").text
    mesh.apply(document(users={"endpoints": [B]}))
    assert "10.0.0.2" == client.get("users", "/").text
    mesh.close()
    mesh.close()


def test_only_a_file_can_be_watched(mesh: Mesh) -> None:
    """A mapping does not change by itself."""
    with pytest.raises(ConfigurationError, match="only a file"):
        mesh.watch()


def test_a_watched_file_is_applied_and_a_broken_one_is_not(tmp_path: Path) -> None:
    """The last good document stays in force, and both are told."""
    path = tmp_path / "mesh.yaml"
    path.write_text(f"services: {{users: {{endpoints: ['{A}']}}}}")
    applied, rejected = threading.Event(), threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, ConfigurationApplied):
            applied.set()
        if isinstance(event, ConfigurationRejected):
            rejected.set()

    with Mesh("shop", config=path, listeners=[listen]) as mesh:
        mesh.watch()
        mesh.watch()

        def write(text: str) -> None:
            new = tmp_path / "new"
            new.write_text(text)
            new.replace(path)

        write(f"services: {{users: {{endpoints: ['{A}', '{B}']}}}}")
        assert applied.wait(20)
        assert 2 == len(mesh.service("users").targets)
        write("services: {users: {endpoint: []}}")
        assert rejected.wait(20)
        assert 2 == len(mesh.service("users").targets)
        assert ("users",) == mesh.apply(document(users={"endpoints": [A]}))
        with pytest.raises(ConfigurationError, match="endpoint"):
            mesh.apply()  # the file again, which is still broken


def test_listeners_come_and_go_and_cannot_fail_a_call(
    mesh: Mesh, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """What one raises is logged; the function that `listen` returned ends it."""

    def broken(event: Event) -> None:
        raise ValueError("no")

    client = MeshClient(mesh=mesh, transport=httpx.MockTransport(lambda r: httpx.Response(200)))
    stop = mesh.listen(broken)
    assert 200 == client.get("users", "/").status_code
    assert "a listener failed" in caplog.text
    stop()
    caplog.clear()
    assert 200 == client.get("users", "/").status_code
    assert not caplog.records
