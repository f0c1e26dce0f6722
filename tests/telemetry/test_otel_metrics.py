"""Metrics by OpenTelemetry, from the events of a mesh."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from meshlib import CallOptions, CircuitOpenError, MeshClient
from meshlib.telemetry import OpenTelemetryMetrics

Read = Callable[[], dict[str, list[Any]]]


@pytest.fixture
def reader() -> InMemoryMetricReader:
    """What was recorded."""
    return InMemoryMetricReader()


@pytest.fixture
def read(reader: InMemoryMetricReader) -> Read:
    """The data points of every metric, by its name."""

    def points() -> dict[str, list[Any]]:
        data = reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    return points


def test_records_calls_attempts_and_what_went_wrong(
    reader: InMemoryMetricReader, read: Read
) -> None:
    """One attempt that fails and is retried, a rejection, a fallback, and a fault."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503 if request.url.port == 1 else 200)

    service = {
        "endpoints": ["http://10.0.0.1:1", "http://10.0.0.1:2"],
        "balancer": "round_robin",
        "breaker": {"consecutive_failures": 1},
        "retry": {"backoff": {"initial": 0}},
    }
    client = MeshClient("shop", services={"users": service}, transport=httpx.MockTransport(answer))
    provider = MeterProvider([reader])
    client.mesh.listen(OpenTelemetryMetrics(client.mesh, provider=provider))
    for _ in range(2):
        assert 200 == client.get("users", "/").status_code
    client.mesh.service("users").targets[1].breaker.isolate()
    with pytest.raises(CircuitOpenError):
        client.get("users", "/")
    instead = {"mesh": CallOptions(fallback={})}
    assert 200 == client.get("users", "/", extensions=instead).status_code
    seen = read()
    assert 4 == sum(point.count for point in seen["meshlib.call.duration"])
    assert 3 == sum(point.count for point in seen["http.client.request.duration"])
    assert {"success": 2, "unavailable": 1} == {
        point.attributes["meshlib.outcome"]: point.value for point in seen["meshlib.attempts"]
    }
    assert 1 == sum(point.value for point in seen["meshlib.retries"])
    assert {"CircuitOpenError"} == {
        point.attributes["reason"] for point in seen["meshlib.rejections"]
    }
    assert 1 == sum(point.value for point in seen["meshlib.fallbacks"])
    assert {("closed", "open"), ("closed", "isolated")} == {
        (point.attributes["from"], point.attributes["to"])
        for point in seen["meshlib.breaker.transitions"]
    }
    assert [2] == [point.value for point in seen["meshlib.breakers.open"]]
    assert [0] == [point.value for point in seen["meshlib.in_flight"]]
    assert seen["meshlib.retry_budget"][0].value > 0
    provider.shutdown()


def test_records_faults_and_refused_retries(reader: InMemoryMetricReader, read: Read) -> None:
    """The rule by its name, and the reason why nothing was tried again."""
    config = {
        "services": {"users": {"endpoints": ["http://10.0.0.1:1"]}},
        "faults": [{"name": "reset", "abort": {"error": "reset"}}],
    }
    provider = MeterProvider([reader])
    client = MeshClient(
        "shop",
        config=config,
        transport=httpx.MockTransport(lambda request: httpx.Response(200)),
        listeners=[OpenTelemetryMetrics(provider=provider)],
    )
    with pytest.raises(httpx.ReadError):
        client.post("users", "/")
    seen = read()
    assert ["reset"] == [point.attributes["rule"] for point in seen["meshlib.faults"]]
    assert ["not idempotent"] == [
        point.attributes["reason"] for point in seen["meshlib.retries.refused"]
    ]
    assert ["ReadError"] == [
        point.attributes["error.type"] for point in seen["meshlib.call.duration"]
    ]
    provider.shutdown()
