"""What spans, metrics and baggage tell of faults."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from opentelemetry import baggage
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from meshlib import MeshClient
from meshlib.telemetry import OpenTelemetryMetrics, carried, carrying, received_baggage


def client(rule: dict[str, Any], *listeners: Any) -> MeshClient:
    """A client of one service, whose rule is *rule*."""
    config = {
        "services": {"users": ["http://10.0.0.1:80"]},
        "defaults": {"retry": {"backoff": {"initial": 0, "max": 0}}},
        "faults": [{"name": "f", **rule}],
    }
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    return MeshClient("shop", config=config, transport=transport, listeners=listeners)


def points(reader: InMemoryMetricReader, name: str) -> list[tuple[int, dict[str, Any]]]:
    """The values of a counter, with their attributes."""
    data = reader.get_metrics_data()
    assert data is not None
    return [
        (point.value, dict(point.attributes))
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


@pytest.mark.parametrize(
    ("rule", "kind", "outcome", "result"),
    [
        ({"abort": {"status": 503}, "max_total": 1}, "status", "retry", "200"),
        ({"abort": {"status": 404}}, "status", "suffered", "404"),
        ({"abort": {"status": 404}, "phase": "call"}, "status", "suffered", "404"),
    ],
)
def test_faults_are_counted_by_rule_kind_and_outcome(
    rule: dict[str, Any], kind: str, outcome: str, result: str
) -> None:
    """Once when they begin, and once when their call is over."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    with client(rule, OpenTelemetryMetrics(provider=provider)) as mesh:
        mesh.get("http://users/")
        about = {"meshlib.service": "users", "rule": "f", "kind": kind}
        assert [(1, about | {"phase": rule.get("phase", "attempt")})] == points(
            reader, "meshlib.faults"
        )
        assert [(1, about | {"outcome": outcome, "result": result})] == points(
            reader, "meshlib.faults.answered"
        )
    provider.shutdown()


def test_baggage_is_carried_inside_the_block() -> None:
    """Beside what is there already; what is no text is none of ours."""
    assert carried("a") is None
    with carrying("a", "1"):
        with carrying("b", "2"):
            assert ("1", "2") == (carried("a"), carried("b"))
        assert ("1", None) == (carried("a"), carried("b"))
    with carrying("a", 1):  # type: ignore[arg-type]  # others may put anything there
        assert carried("a") is None


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"baggage": "a=1,b=2"}, {"a": "1", "b": "2"}),
        ({"baggage": ""}, {}),
        ({}, {}),
    ],
)
def test_received_baggage_is_gone_on_with(headers: dict[str, str], found: dict[str, str]) -> None:
    """Inside the block only."""
    with received_baggage(headers):
        assert found == baggage.get_all()
    assert {} == baggage.get_all()
