"""What active checks found is shown apart from what calls found."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from opentelemetry.sdk.metrics import MeterProvider

from meshlib import Endpoint, Mesh
from meshlib.events import EndpointHealthChanged
from meshlib.health import HealthCheckOptions, HealthMonitor
from meshlib.telemetry import EndpointMetrics, OpenTelemetryMetrics, StateLog
from support import FakeClock

A, B, C = (f"http://10.0.0.1:{port}" for port in (1, 2, 3))


@pytest.fixture
def mesh(clock: FakeClock) -> Mesh:
    """With three endpoints, of which nothing is checked."""
    return Mesh("shop", services={"users": {"endpoints": [A, B, C]}}, clock=clock)


def check(mesh: Mesh, clock: FakeClock, *down: str) -> None:
    """Check two of the three endpoints once; the third is never checked."""
    service = mesh.service("users")

    async def fit(endpoint: Endpoint) -> bool:
        return endpoint.url not in down

    monitor = service.health = HealthMonitor(
        "users",
        HealthCheckOptions(call=fit),
        service.set_healthy,
        clock=clock,
        sleep=clock.asleep,
    )
    monitor.update([Endpoint(A), Endpoint(B)])

    async def run() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(monitor.run)
            while any(status.healthy is None for status in monitor.snapshot().values()):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()

    anyio.run(run)


def measured(mesh: Mesh) -> dict[str, EndpointMetrics]:
    """The metrics of the endpoints."""
    return dict(mesh.metrics().services["users"].endpoints)


def test_nothing_is_checked(mesh: Mesh) -> None:
    """Without active checks nothing is said of them."""
    found = measured(mesh)[A]
    assert ("unchecked", None, "", True) == (
        found.checked,
        found.checked_age,
        found.checked_reason,
        found.healthy,
    )


def test_checks_are_told_apart_from_breakers(mesh: Mesh, clock: FakeClock) -> None:
    """An endpoint may be fit by its checks and out by its calls, and the other way round."""
    check(mesh, clock, A)
    mesh.service("users").targets[1].breaker.isolate()
    clock.advance(2.0)
    found = measured(mesh)
    assert ["unhealthy", "healthy", "unknown"] == [found[url].checked for url in (A, B, C)]
    assert ["closed", "isolated", "closed"] == [found[url].breaker for url in (A, B, C)]
    assert [True, False, True] == [found[url].admits for url in (A, B, C)]
    assert "it returned False" == found[A].checked_reason
    assert "" == found[B].checked_reason
    age = found[A].checked_age
    assert age is not None
    assert age >= 2.0
    assert found[C].checked_age is None
    data = mesh.metrics().as_dict()
    assert data == json.loads(json.dumps(data, allow_nan=False))


def test_the_table_says_why(mesh: Mesh, clock: FakeClock) -> None:
    """In the last column: what the checks found beside the ejection, and when."""
    check(mesh, clock, A)
    mesh.service("users").targets[0].outlier.ejected = True
    mesh.service("users").set_healthy({A: False})
    one, two = str(mesh.metrics()).splitlines()[3:5]
    assert one.partition("ejected, ")[2].startswith("unhealthy, checked ")
    assert one.endswith(" s ago: it returned False")
    assert "checked" not in two


def test_a_gauge_counts_endpoints_by_their_checks(
    mesh: Mesh, clock: FakeClock, meters: MeterProvider, read: Callable[[], dict[str, list[Any]]]
) -> None:
    """All states, those that no endpoint is in too."""
    OpenTelemetryMetrics(mesh, provider=meters)

    def states() -> dict[str, int]:
        return {p.attributes["state"]: p.value for p in read()["meshlib.checks"]}

    assert {"healthy": 0, "unhealthy": 0, "unknown": 0, "unchecked": 3} == states()
    check(mesh, clock, A)
    assert {"healthy": 1, "unhealthy": 1, "unknown": 1, "unchecked": 0} == states()


@pytest.mark.parametrize(
    ("healthy", "level", "text"),
    [
        (False, logging.WARNING, f"users: checks find {A} unhealthy: status 503"),
        (True, logging.INFO, f"users: checks find {A} healthy"),
    ],
)
def test_changes_are_logged(
    caplog: pytest.LogCaptureFixture, healthy: bool, level: int, text: str
) -> None:
    """What takes an endpoint away is a warning."""
    caplog.set_level(logging.INFO, logger="meshlib")
    reason = "" if healthy else "status 503"
    event = EndpointHealthChanged(
        service="users", endpoint=Endpoint(A), healthy=healthy, reason=reason
    )
    StateLog()(event)
    (record,) = caplog.records
    assert (level, text) == (record.levelno, record.getMessage())
    told = record.__dict__
    assert ("EndpointHealthChanged", A, healthy, reason) == (
        told["mesh_event"],
        told["mesh_endpoint"],
        told["mesh_healthy"],
        told["mesh_reason"],
    )
