"""A process is not ready while a service that it cannot do without takes no call."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from meshlib import Endpoint, Mesh, MeshClient
from meshlib.health import ProcessHealth
from support import FakeClock

A, B = "http://10.0.0.1:1", "http://10.0.0.1:2"


@pytest.fixture
def mesh(clock: FakeClock) -> Mesh:
    """With a service of two endpoints."""
    breaker = {"consecutive_failures": 1, "break_duration": 5.0}
    services = {"payments": {"endpoints": [A, B], "breaker": breaker}}
    return Mesh("shop", services=services, clock=clock, rng=random.Random(7))


@pytest.fixture
def health(clock: FakeClock, mesh: Mesh) -> ProcessHealth:
    """Of a process that depends on that service, and remembers nothing."""
    made = ProcessHealth(clock=clock)
    made.depends_on(mesh, "payments", cache=0)
    return made


def open_circuit(mesh: Mesh, clock: FakeClock, *urls: str) -> None:
    """Let the breakers of these endpoints open."""
    from meshlib._models import Verdict

    for target in mesh.service("payments").targets:
        if target.endpoint.url in urls:
            epoch = target.breaker.try_acquire(clock())
            assert epoch is not None
            target.breaker.record(epoch, Verdict.FAILURE, clock())


async def told(health: ProcessHealth) -> tuple[str, str]:
    """The status, and what the only check says."""
    report = await health.check()
    (check,) = report.checks.values()
    return report.status, check.output


async def test_a_service_that_takes_calls(health: ProcessHealth) -> None:
    """The check is called after it."""
    assert ("pass", "") == await told(health)
    assert ["mesh:payments"] == list((await health.check()).checks)


async def test_one_endpoint_is_enough(health: ProcessHealth, mesh: Mesh, clock: FakeClock) -> None:
    """Whatever the others are."""
    open_circuit(mesh, clock, A)
    assert ("pass", "") == await told(health)


async def test_every_circuit_is_open(health: ProcessHealth, mesh: Mesh, clock: FakeClock) -> None:
    """Until a break is over: without calls no probe would ever close the circuit."""
    open_circuit(mesh, clock, A, B)
    assert ("fail", "the circuit of every endpoint is open") == await told(health)
    clock.advance(20.0)
    assert ("pass", "") == await told(health)


async def test_every_endpoint_is_unhealthy(health: ProcessHealth, mesh: Mesh) -> None:
    """By active checks."""
    mesh.service("payments").set_healthy({A: False, B: False})
    assert ("fail", "every endpoint is unhealthy") == await told(health)


async def test_some_are_open_and_the_others_unhealthy(
    health: ProcessHealth, mesh: Mesh, clock: FakeClock
) -> None:
    """Together they leave none."""
    open_circuit(mesh, clock, A)
    mesh.service("payments").set_healthy({B: False})
    expected = "every endpoint is unhealthy, or its circuit is open"
    assert ("fail", expected) == await told(health)


async def test_no_endpoint_is_known(health: ProcessHealth, mesh: Mesh) -> None:
    """Not even one that is out."""
    mesh.service("payments").update([])
    assert ("fail", "no endpoint is known") == await told(health)


async def test_the_source_fails(clock: FakeClock) -> None:
    """Its error says why nothing is known, without credentials."""
    service = SimpleNamespace(endpoints={}, discovery_error="DiscoveryError: no answer")
    mesh = SimpleNamespace(metrics=lambda: SimpleNamespace(services={"payments": service}))
    health = ProcessHealth(clock=clock)
    health.depends_on(mesh, "payments", name="money")
    assert ("fail", "no endpoint is known: DiscoveryError: no answer") == await told(health)
    assert ["money"] == list((await health.check()).checks)


async def test_a_service_that_the_mesh_does_not_know(clock: FakeClock, mesh: Mesh) -> None:
    """As one that is discovered when it is first called."""
    health = ProcessHealth(clock=clock)
    health.depends_on(mesh, "orders", critical=False)
    assert ("warn", "the mesh knows no service 'orders' yet") == await told(health)


async def test_a_client_will_do(clock: FakeClock) -> None:
    """Its mesh is asked."""
    health = ProcessHealth(clock=clock)
    with MeshClient("shop", services={"payments": [A]}) as client:
        health.depends_on(client, "payments", probes=("ready", "startup"))
        assert ("pass", "") == await told(health)


async def test_what_was_discovered_counts(clock: FakeClock) -> None:
    """As what stands in the document does."""
    endpoint: Any = Endpoint(A)
    mesh = Mesh("shop", services={"payments": {"endpoints": []}}, clock=clock)
    health = ProcessHealth(clock=clock)
    health.depends_on(mesh, "payments", cache=0)
    assert ("fail", "no endpoint is known") == await told(health)
    mesh.service("payments").update([endpoint])
    assert ("pass", "") == await told(health)
