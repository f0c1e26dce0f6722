"""Canaries of a mesh, by its calls: promoted, rolled back, and done by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from meshlib import ConfigurationError, Mesh, MeshClient
from meshlib.events import CanaryChanged, ConfigurationRejected
from meshlib.routing.canary import CanaryState
from support.real import wait_until

OLD, NEW = "http://10.0.0.1:80", "http://10.0.0.2:80"
QUICK: dict[str, Any] = {
    "initial_weight": 0.5,
    "max_weight": 0.5,
    "interval": 0.05,
    "failure_threshold": 2,
    "analysis": {"min_samples": 10, "max_p99_degradation": None},
}


def orders(version: str = "v2", **canary: Any) -> dict[str, Any]:
    """A service with an old and a new version, and a canary."""
    return {
        "endpoints": [
            {"url": OLD, "metadata": {"version": "v1"}},
            {"url": NEW, "metadata": {"version": version}},
        ],
        "routes": [
            {
                "name": "rollout",
                "split": [{"subset": {"version": version}}, {"subset": {"version": "v1"}}],
                "canary": {**QUICK, **canary},
            }
        ],
    }


def client(answer: Callable[[str], int], service: dict[str, Any], **options: Any) -> MeshClient:
    """A client; *answer* gives the status by host."""
    transport = httpx.MockTransport(lambda request: httpx.Response(answer(request.url.host)))
    return MeshClient(config={"services": {"orders": service}}, transport=transport, **options)


def well(host: str) -> int:
    """Every call succeeds."""
    return 200


def call_until(made: MeshClient, what: str, condition: Callable[[], bool]) -> None:
    """Call until *condition* holds."""

    def called() -> bool:
        for _ in range(20):
            made.get("http://orders/")
        return condition()

    wait_until(what, called)


def test_a_canary_that_is_well_is_promoted() -> None:
    """Its calls are what promotes it."""
    events: list[Any] = []
    with client(well, orders(), listeners=[events.append]) as made:
        canary = made.mesh.canary("orders")
        call_until(made, "promoted", lambda: canary.status().state is CanaryState.PROMOTED)
        assert NEW == made.get("http://orders/").extensions["mesh"].endpoint.url
    changes = [(e.new, e.weight) for e in events if isinstance(e, CanaryChanged)]
    assert [("progressing", 0.5), ("promoted", 1.0)] == changes


def test_a_canary_that_fails_is_rolled_back() -> None:
    """First attempts count: a retry that succeeds hides nothing."""
    tries = 0

    def answer(host: str) -> int:
        nonlocal tries
        tries += host == "10.0.0.2"
        return 503 if host == "10.0.0.2" and tries % 2 else 200

    settings = {**orders(), "retry": {"backoff": {"initial": 0, "max": 0}}, "breaker": False}
    with client(answer, settings) as made:
        canary = made.mesh.canary("orders")
        call_until(made, "rolled back", lambda: canary.status().state is CanaryState.ROLLED_BACK)
        before = tries
        for _ in range(50):
            assert 200 == made.get("http://orders/").status_code
        assert before == tries


def test_open_breakers_take_every_call() -> None:
    """As soon as the last one opens, and not at the next check."""
    settings = orders(interval=3600)
    with client(lambda host: 500 if host == "10.0.0.2" else 200, settings) as made:
        canary = made.mesh.canary("orders")
        call_until(made, "no call", lambda: "every breaker" in canary.status().reason)
        assert (CanaryState.PROGRESSING, 0.0) == (canary.status().state, canary.status().weight)
        for _ in range(50):
            assert 200 == made.get("http://orders/").status_code


def test_a_new_document_keeps_the_share() -> None:
    """And one with another version begins anew."""
    with client(well, orders(interval=3600)) as made:
        canary = made.mesh.canary("orders")
        call_until(made, "begun", lambda: canary.status().weight == 0.5)
        canary.promote()
        made.mesh.apply({"services": {"orders": {**orders(interval=3600), "timeout": 3}}})
        assert 1.0 == canary.status().weight
        assert NEW == made.get("http://orders/").extensions["mesh"].endpoint.url
        made.mesh.apply({"services": {"orders": orders("v3", interval=3600)}})
        call_until(made, "v3", lambda: canary.status().rolling == "version=v3")
        assert 0.5 == canary.status().weight
        made.mesh.apply({"services": {"orders": {"endpoints": [OLD]}}})
        with pytest.raises(ConfigurationError, match="no route has a canary"):
            canary.status()


def test_a_service_in_use_may_be_given_a_canary() -> None:
    """It begins with the next call."""
    plain = {**orders(), "routes": []}
    with client(well, plain) as made:
        made.get("http://orders/")
        made.mesh.apply({"services": {"orders": orders()}})
        events: list[Any] = []
        made.mesh.listen(events.append)
        call_until(made, "begun", lambda: any(isinstance(e, CanaryChanged) for e in events))


def test_metrics_tell_of_canaries() -> None:
    """By the route's name."""
    with client(well, orders(interval=3600)) as made:
        canary = made.mesh.canary("orders", "rollout")
        call_until(made, "begun", lambda: canary.status().weight == 0.5)
        measured = made.mesh.metrics().services["orders"].canaries["rollout"]
        assert ("progressing", 0.5) == (measured.state, measured.weight)


def test_an_invalid_store_is_an_error_of_the_document() -> None:
    """At the start, and while running: then the old one stays."""
    bad = orders(store={"etcdd": "http://127.0.0.1:1"})
    with pytest.raises(ConfigurationError, match="did you mean 'etcd'"):
        Mesh(services={"orders": bad})
    events: list[Any] = []
    with client(well, orders(), listeners=[events.append]) as made:
        with pytest.raises(ConfigurationError, match=r"orders\.routes\[0\]\.canary\.store"):
            made.mesh.apply({"services": {"orders": bad}})
        assert isinstance(events[-1], ConfigurationRejected)
        assert "process" == made.mesh.canary("orders").status().store


def test_a_tenant_follows_the_same_canary() -> None:
    """One rollout, one share, and the calls of both count."""
    with client(well, orders(interval=3600)) as made:
        gold = made.mesh.tenant("gold")
        request = httpx.Request("GET", "http://orders/")
        canary = made.mesh.canary("orders")
        canary.promote()
        assert "10.0.0.2" in str(gold.explain(request))
