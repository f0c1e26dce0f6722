"""What active checks find changes what is picked."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from meshlib import Endpoint
from meshlib.events import EndpointReadmitted, PanicChanged
from meshlib.health import HealthCheckOptions, HealthMonitor
from meshlib.transport import Service
from support import FakeClock
from support.meshes import THREE, service_of

A, B, C = THREE


def ejected(service: Service, url: str) -> Any:
    """Eject the target of *url*, as an outlier."""
    (target,) = (each for each in service.targets if each.endpoint.url == url)
    target.outlier.ejected = True
    service.rebuild()
    return target


def candidates(service: Service) -> set[str]:
    """What may be picked."""
    return {target.endpoint.url for target in service.pickable.candidates}


def test_a_passing_check_ends_an_ejection(clock: FakeClock) -> None:
    """Though the endpoint was healthy by its checks all the time; listeners hear of it."""
    events: list[Any] = []
    service = service_of(clock, events=events)
    target = ejected(service, A)
    assert {B, C} == candidates(service)
    service.set_healthy({A: True})
    assert not target.outlier.ejected
    assert {A, B, C} == candidates(service)
    assert [A] == [e.endpoint.url for e in events if isinstance(e, EndpointReadmitted)]


def test_a_failing_check_ends_none(clock: FakeClock) -> None:
    """It is one more reason not to pick it."""
    service = service_of(clock)
    target = ejected(service, A)
    service.set_healthy({A: False})
    assert target.outlier.ejected


def test_what_is_as_before_changes_nothing(clock: FakeClock) -> None:
    """Passing checks come all the time; addresses that have left may come late."""
    service = service_of(clock)
    before = service.pickable
    service.set_healthy({A: True, B: True, "http://gone:80": False})
    assert before is service.pickable


def test_without_outlier_detection_nothing_is_ejected(clock: FakeClock) -> None:
    """There is nothing to end."""
    service = service_of(clock, outlier=False)
    service.set_healthy({A: False})
    assert {B, C} == candidates(service)
    service.set_healthy({A: True})
    assert {A, B, C} == candidates(service)


@pytest.mark.parametrize(
    ("down", "left", "panic"),
    [
        ((), {A, B, C}, False),
        ((A,), {B, C}, False),
        ((A, B), {A, B, C}, True),
        ((A, B, C), {A, B, C}, True),
    ],
)
async def test_too_few_healthy_endpoints_are_a_panic(
    clock: FakeClock, down: tuple[str, ...], left: set[str], panic: bool
) -> None:
    """Below half of them checks are ignored, and heeded again when more pass."""
    events: list[Any] = []
    service = service_of(clock, events=events)
    failing = set(down)

    async def fit(endpoint: Endpoint) -> bool:
        return endpoint.url not in failing

    monitor = HealthMonitor(
        "users",
        HealthCheckOptions(call=fit),
        service.set_healthy,
        clock=clock,
        sleep=clock.asleep,
    )
    monitor.update([target.endpoint for target in service.targets])

    async def settled(unhealthy: set[str]) -> None:
        while unhealthy != {t.endpoint.url for t in service.targets if not t.healthy}:
            await anyio.lowlevel.checkpoint()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(monitor.run)
            await settled(set(down))
            assert (left, panic) == (candidates(service), bool(service.pickable.panic))
            failing.clear()
            await settled(set())
            group.cancel_scope.cancel()
    assert {A, B, C} == candidates(service)
    changes = [event.active for event in events if isinstance(event, PanicChanged)]
    assert ([True, False] if panic else []) == changes
