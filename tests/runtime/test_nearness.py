"""Zones and levels of a whole mesh: from where it runs to whom it calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from meshlib import Endpoint, Mesh, MeshClient
from support.real import wait_until


def urls(*zones: str) -> list[dict[str, Any]]:
    """An endpoint in each of *zones*."""
    return [
        {"url": f"http://{zone}{n}", "metadata": {"zone": zone}} for n, zone in enumerate(zones)
    ]


def called(mesh: Mesh, count: int = 200) -> dict[str, float]:
    """The share of each zone in so many calls to `users`."""
    wire = httpx.MockTransport(lambda request: httpx.Response(200, text=request.url.host[0]))
    client = MeshClient(mesh=mesh, transport=wire)
    seen = Counter(client.get("users", "/").text for _ in range(count))
    return {zone: number / count for zone, number in seen.items()}


def test_own_zone_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variable; a new document may change it, and the service follows."""
    users = {"endpoints": urls("a", "a", "b"), "prefer": "zone", "balancer": "random"}
    document = {"services": {"users": users}}
    monkeypatch.setenv("MESHLIB_ZONE", "b")
    with Mesh("shop", config=document) as mesh:
        assert {"b": 1.0} == called(mesh)
        monkeypatch.delenv("MESHLIB_ZONE")
        assert ("users",) == mesh.apply({**document, "zone": "a"})
        assert {"a": 1.0} == called(mesh)
        mesh.apply(document)
        assert {"a", "b"} == set(called(mesh))


def test_breakers_survive_a_new_preference() -> None:
    """Targets are kept: only the levels change."""
    document = {"zone": "a", "services": {"users": {"endpoints": urls("a", "b")}}}
    with Mesh("shop", config=document) as mesh:
        before = mesh.service("users").targets
        mesh.patch({"prefer": ["zone"]}, service="users")
        assert {"a": 1.0} == called(mesh)
        assert before == mesh.service("users").targets


class Told:
    """A source that tells *endpoints* once."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self._endpoints = endpoints

    async def watch(self, service: str) -> AsyncIterator[list[Endpoint]]:
        """The endpoints, and then nothing."""
        yield list(self._endpoints)
        await asyncio.Event().wait()


def test_own_replicas_are_asked_for_when_they_are_needed() -> None:
    """Discovery of the members starts with the first call of who needs them."""
    ours = [Endpoint(f"http://us{n}", metadata={"zone": "ab"[n % 2]}) for n in range(2)]
    services = {
        "users": {
            "endpoints": urls(*"aabbbb"),
            "zone_aware": {"members": "us"},
            "balancer": "random",
        },
        "us": {"discovery": Told(*ours)},
    }
    with Mesh("us", config={"zone": "a"}, services=services) as mesh:
        assert not mesh.directory.services["us"].ready
        service = mesh.service("users")
        wait_until("the replicas are known", lambda: mesh.directory.services["us"].ready)
        service.rebuild()
        shares = called(mesh, 1000)
        assert {"a": 2 / 3, "b": 1 / 3} == pytest.approx(shares, abs=0.06)
        mesh.service("us").set_healthy({"http://us1:80": False})
        service.rebuild()
        # One of two is fit, in our zone: more of the callers than of the endpoints are here.
        assert {"a": 1 / 3, "b": 2 / 3} == pytest.approx(called(mesh, 1000), abs=0.06)


def test_members_may_be_switched_on_later() -> None:
    """A change of the document wakes them, too; off again, zones are no more."""
    document = {
        "zone": "a",
        "services": {
            "users": {"endpoints": urls(*"aaabbb"), "balancer": "random"},
            "us": [{"url": "http://us", "metadata": {"zone": "a"}}, "http://elsewhere"],
        },
    }
    with Mesh("us", config=document) as mesh:
        assert {"a", "b"} == set(called(mesh))
        mesh.patch({"zone_aware": {"members": "us"}}, service="users")
        assert {"a": 1.0} == called(mesh)
        mesh.patch({"zone_aware": None}, service="users")
        assert {"a", "b"} == set(called(mesh))


def test_members_that_are_no_service_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """And calls go wherever they go without them; a default source is asked for them."""
    users = {"endpoints": urls(*"aaabbb"), "zone_aware": {"members": "us"}}
    with Mesh("us", config={"zone": "a"}, services={"users": users}) as mesh:
        assert {"a", "b"} == set(called(mesh))
        called(mesh, 2)
        logged = [record.getMessage() for record in caplog.records]
        assert 1 == sum("no service 'us'" in message for message in logged)
    source = Told(Endpoint("http://us", metadata={"zone": "a"}), Endpoint("http://elsewhere"))
    with Mesh("us", config={"zone": "a"}, services={"users": users}, discovery=source) as mesh:
        service = mesh.service("users")
        wait_until(
            "the replicas are known",
            lambda: "us" in mesh.directory.services and mesh.service("us").ready,
        )
        service.rebuild()
        assert {"a": 1.0} == called(mesh)


def test_members_may_be_the_service_itself() -> None:
    """An application that calls its own replicas."""
    users = {"endpoints": urls(*"aaabbb"), "zone_aware": {"members": "users"}}
    with Mesh("users", config={"zone": "a"}, services={"users": users}) as mesh:
        assert {"a": 1.0} == called(mesh)


def test_function_of_the_application_picks() -> None:
    """It gets the candidates, and whom the call has tried."""

    def last(candidates: Any, info: Any) -> Any:
        assert not info.tried
        return candidates[-1]

    users = {"endpoints": urls("a", "b"), "balancer": last}
    with Mesh("shop", services={"users": users}) as mesh:
        assert {"b": 1.0} == called(mesh)


def test_subset_follows_a_new_document() -> None:
    """Fewer, more, and other endpoints; those that stay are the same."""
    endpoints = [f"http://10.0.0.1:{n}" for n in range(1, 101)]
    users = {"endpoints": endpoints, "subsetting": {"size": 5, "key": "me"}}
    with Mesh("shop", services={"users": users}) as mesh:
        service = mesh.service("users")
        kept = set(service.targets)
        assert 5 == len(kept)
        mesh.patch({"subsetting": {"size": 30}}, service="users")
        assert kept < set(service.targets)
        assert 30 == len(service.targets)
        mesh.patch({"subsetting": None}, service="users")
        assert 100 == len(service.targets)
