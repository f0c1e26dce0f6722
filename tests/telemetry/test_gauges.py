"""Gauges: the state of meshes, read when a meter provider collects."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from meshlib import Event, Mesh, MeshClient
from meshlib.events import DiscoveryFailed
from meshlib.telemetry import OpenTelemetryMetrics, _gauges
from meshlib.telemetry._gauges import gauges_of
from support import FakeClock
from support.real import wait_until

Read = Callable[[], dict[str, list[Any]]]

SERVICES = {"users": ["http://10.0.0.1:1", "http://10.0.0.1:2"]}


def values(points: list[Any]) -> dict[tuple[Any, ...], Any]:
    """The values, by mesh, service and state."""
    names = ("meshlib.mesh", "meshlib.service", "state")
    return {
        tuple(p.attributes[name] for name in names if name in p.attributes): p.value for p in points
    }


def test_the_state_of_a_mesh_is_observed(meters: MeterProvider, read: Read) -> None:
    """Calls in flight, the retry budget, and the breakers in each state."""
    with Mesh("shop", services=SERVICES) as mesh:
        OpenTelemetryMetrics(mesh, provider=meters)
        service = mesh.service("users")
        service.bulkhead.try_acquire()
        service.targets[0].breaker.isolate()
        seen = read()
        assert {("shop", "users"): 1} == values(seen["meshlib.in_flight"])
        assert {("shop", "users"): 100} == values(seen["meshlib.retry_budget"])
        assert {
            ("shop", "users", "closed"): 1,
            ("shop", "users", "open"): 0,
            ("shop", "users", "half_open"): 0,
            ("shop", "users", "isolated"): 1,
        } == values(seen["meshlib.breakers"])


def test_several_meshes_are_observed(meters: MeterProvider, read: Read) -> None:
    """Each of them, and the sum of those that have one name: a meter keeps one callback."""
    with (
        MeshClient("shop", services=SERVICES) as one,
        MeshClient("shop", services=SERVICES) as same,
        MeshClient("till", services=SERVICES) as other,
    ):
        for client in (one, same, other):
            OpenTelemetryMetrics(provider=meters).observe(client)
            client.mesh.service("users").bulkhead.try_acquire()
        OpenTelemetryMetrics(one, provider=meters)  # counts once
        assert {("shop", "users"): 2, ("till", "users"): 1} == values(read()["meshlib.in_flight"])
        gauges_of(meters).remove(one.mesh)
        assert {("shop", "users"): 1, ("till", "users"): 1} == values(read()["meshlib.in_flight"])


def test_a_mesh_is_not_kept_alive(meters: MeterProvider, read: Read) -> None:
    """The last reference to it may go without a word to the gauges."""
    mesh = Mesh("shop", services=SERVICES)
    mesh.close()
    OpenTelemetryMetrics(mesh, provider=meters)
    assert values(read()["meshlib.in_flight"])
    del mesh
    gc.collect()
    assert "meshlib.in_flight" not in read()
    with Mesh("till", services=SERVICES) as other:
        gauges_of(meters).add(other)
        assert 1 == len(gauges_of(meters)._meshes)


def test_the_configured_provider_has_one_set_of_gauges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is named or not, and whether it was configured before or after."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(_gauges, "_REGISTRY", _gauges._Registry())
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: meters)
    monkeypatch.setattr(metrics, "get_meter", meters.get_meter)
    assert gauges_of() is gauges_of(meters) is gauges_of(None)
    other = MeterProvider(shutdown_on_exit=False)
    assert gauges_of(other) is gauges_of(other) is not gauges_of()
    meters.shutdown()
    other.shutdown()


def test_a_forked_child_takes_no_lock_of_its_parent(meters: MeterProvider) -> None:
    """Both locks may be held by a thread that the child does not have."""
    gauges, registry = gauges_of(meters), _gauges._Registry()
    for held in (gauges, registry):
        held._lock.acquire()
        held.renew()
        assert held._lock.acquire(blocking=False)
        held._lock.release()


def test_the_age_of_a_list_is_observed(meters: MeterProvider, read: Read, tmp_path: Path) -> None:
    """Zero while the source works, and then the seconds that it has been failing; worst first."""
    path = tmp_path / "endpoints.json"
    path.write_text('{"users": ["http://10.0.0.1:1"]}', "utf-8")
    clock = FakeClock()
    settings = {"users": {"discovery": {"file": {"path": str(path)}}}, "fixed": SERVICES["users"]}
    failed = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, DiscoveryFailed):
            failed.set()

    with (
        Mesh("shop", services=settings, clock=clock, listeners=[listen]) as mesh,
        Mesh("shop", services=settings) as same,
    ):
        for one in (mesh, same):
            OpenTelemetryMetrics(one, provider=meters)
            service = one.service("users")
            wait_until("the first list", lambda service=service: bool(service.targets))
        assert {("shop", "users"): 0.0} == values(read()["meshlib.discovery.age"])
        assert {("shop", "users"): 0} == values(read()["meshlib.discovery.held"])
        path.write_text("[", "utf-8")
        assert failed.wait(60)
        clock.advance(70_000.0)
        assert {("shop", "users"): 70_000.0} == values(read()["meshlib.discovery.age"])
