"""Metrics by OpenTelemetry, from the events of a mesh."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider

from meshlib import CallOptions, CircuitOpenError, Endpoint, MeshClient
from meshlib.events import AttemptFinished, CallFinished, EndpointReadmitted, HedgeStarted
from meshlib.telemetry import OpenTelemetryMetrics, record_metrics

Read = Callable[[], dict[str, list[Any]]]

ONE, TWO = "http://10.0.0.1:1", "http://10.0.0.1:2"


def answer(request: httpx.Request) -> httpx.Response:
    """Port 1 fails, any other succeeds."""
    return httpx.Response(503 if request.url.port == 1 else 200)


def client(**options: Any) -> MeshClient:
    """A client of the service `users`, whose first endpoint is given up at its first failure."""
    service = {
        "endpoints": [ONE, TWO],
        "balancer": "round_robin",
        "breaker": {"consecutive_failures": 1},
        "retry": {"backoff": {"initial": 0}},
    }
    transport = httpx.MockTransport(answer)
    return MeshClient("shop", services={"users": service}, transport=transport, **options)


def test_calls_and_attempts_are_recorded(meters: MeterProvider, read: Read) -> None:
    """One attempt fails and is retried elsewhere; durations are seconds, with a result."""
    with client(listeners=[OpenTelemetryMetrics(provider=meters)]) as mesh:
        for _ in range(2):
            assert 200 == mesh.get("users", "/").status_code
    seen = read()
    (call,) = seen["meshlib.call.duration"]
    assert (2, 14) == (call.count, len(call.explicit_bounds))
    assert 0.005 == call.explicit_bounds[0]
    assert {
        "meshlib.service": "users",
        "http.request.method": "GET",
        "http.response.status_code": 200,
    } == dict(call.attributes)
    good, bad = sorted(
        seen["http.client.request.duration"],
        key=lambda point: point.attributes["http.response.status_code"],
    )
    assert (2, 1) == (good.count, bad.count)
    assert {
        "meshlib.service": "users",
        "server.address": "10.0.0.1",
        "server.port": 1,
        "http.response.status_code": 503,
        "error.type": "503",
    }.items() <= dict(bad.attributes).items()
    assert {(TWO, "success", 2), (ONE, "unavailable", 1)} == {
        (p.attributes["meshlib.endpoint"], p.attributes["meshlib.outcome"], p.value)
        for p in seen["meshlib.attempts"]
    }
    (retried,) = seen["meshlib.retries"]
    assert (1, "unavailable") == (retried.value, retried.attributes["meshlib.outcome"])


def test_a_method_that_anybody_could_invent_makes_no_series(
    meters: MeterProvider, read: Read
) -> None:
    """The conventions ask for the method, and for `_OTHER` in the place of unknown ones."""
    record = OpenTelemetryMetrics(provider=meters)
    for method in ("GET", "BREW"):
        event = AttemptFinished(
            service="users",
            endpoint=Endpoint(ONE),
            number=1,
            outcome="success",
            status=200,
            error=None,
            elapsed=0.1,
            fault="slow",
            method=method,
        )
        record(event)
    record(
        CallFinished(
            service="users", method="BREW", status=200, error=None, attempts=1, elapsed=0.1
        )
    )
    record(HedgeStarted(service="users", number=2))
    record(EndpointReadmitted(service="users", endpoint=Endpoint(ONE)))  # in no metric
    seen = read()
    points = seen["http.client.request.duration"]
    assert {("GET", "slow"), ("_OTHER", "slow")} == {
        (p.attributes["http.request.method"], p.attributes["meshlib.fault"]) for p in points
    }
    assert not any("BREW" in p.attributes.values() for p in points)
    (call,) = seen["meshlib.call.duration"]
    assert "BREW" not in call.attributes.values()
    assert "_OTHER" == call.attributes["http.request.method"]


def test_a_cancelled_attempt_is_counted_and_not_timed(meters: MeterProvider, read: Read) -> None:
    """How long it would have taken is not known."""
    record = OpenTelemetryMetrics(provider=meters)
    record(
        AttemptFinished(
            service="users",
            endpoint=Endpoint(ONE),
            number=1,
            outcome="cancelled",
            status=None,
            error=None,
            elapsed=0.1,
            fault=None,
        )
    )
    seen = read()
    (attempt,) = seen["meshlib.attempts"]
    assert (1, "cancelled") == (attempt.value, attempt.attributes["meshlib.outcome"])
    assert "http.client.request.duration" not in seen


def test_rejections_fallbacks_and_breakers_are_recorded(meters: MeterProvider, read: Read) -> None:
    """Each with its reason."""
    with client(listeners=[OpenTelemetryMetrics(provider=meters)]) as mesh:
        for _ in range(2):
            mesh.get("users", "/")
        mesh.mesh.service("users").targets[1].breaker.isolate()
        with pytest.raises(CircuitOpenError):
            mesh.get("users", "/")
        instead = {"mesh": CallOptions(fallback={})}
        assert 200 == mesh.get("users", "/", extensions=instead).status_code
    seen = read()
    (rejected,) = seen["meshlib.rejections"]
    assert {"meshlib.service": "users", "reason": "CircuitOpenError"} == dict(rejected.attributes)
    assert ["meshlib.CircuitOpenError"] == [
        p.attributes["error.type"]
        for p in seen["meshlib.call.duration"]
        if "error.type" in p.attributes
    ]
    (fallback,) = seen["meshlib.fallbacks"]
    assert (1, "value") == (fallback.value, fallback.attributes["kind"])
    assert {(ONE, "closed", "open", False), (TWO, "closed", "isolated", False)} == {
        tuple(p.attributes[name] for name in ("meshlib.endpoint", "from", "to", "shadow"))
        for p in seen["meshlib.breaker.transitions"]
    }


def test_faults_and_refused_retries_are_recorded(meters: MeterProvider, read: Read) -> None:
    """The rule by its name, and the reason why nothing was tried again."""
    config = {
        "services": {"users": {"endpoints": [ONE]}},
        "faults": [{"name": "reset", "abort": {"error": "reset"}}],
    }
    with (
        MeshClient(
            "shop",
            config=config,
            transport=httpx.MockTransport(answer),
            listeners=[OpenTelemetryMetrics(provider=meters)],
        ) as mesh,
        pytest.raises(httpx.ReadError),
    ):
        mesh.post("users", "/")
    seen = read()
    assert ["reset"] == [p.attributes["rule"] for p in seen["meshlib.faults"]]
    assert ["not idempotent"] == [p.attributes["reason"] for p in seen["meshlib.retries.refused"]]
    (request,) = seen["http.client.request.duration"]
    assert ("reset", "httpx.ReadError") == (
        request.attributes["meshlib.fault"],
        request.attributes["error.type"],
    )
    assert "http.response.status_code" not in request.attributes


def test_a_client_is_recorded_until_told_otherwise(meters: MeterProvider, read: Read) -> None:
    """Events and gauges begin and end together."""
    with client() as mesh:
        stop = record_metrics(mesh, provider=meters)
        mesh.get("users", "/")
        before = read()
        stop()
        mesh.get("users", "/")
        after = read()
    assert 1 == before["meshlib.call.duration"][0].count == after["meshlib.call.duration"][0].count
    assert "meshlib.in_flight" in before
    assert "meshlib.in_flight" not in after
