"""Copies of calls in metrics, and in the trace of their call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from meshlib import MeshClient
from meshlib.telemetry import MirrorMetrics, Tracing, record_metrics
from support.real import wait_until


@pytest.fixture
def copied() -> list[httpx.Request]:
    """The copies that have arrived."""
    return []


@pytest.fixture
def client(copied: list[httpx.Request]) -> Any:
    """A client whose calls to `users` are copied; the copy is answered otherwise."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "10.0.0.1":
            return httpx.Response(200)
        copied.append(request)
        return httpx.Response(201)

    route = {"name": "all", "mirror": {"service": "next", "compare": True}}
    services = {
        "users": {"endpoints": ["http://10.0.0.1:1"], "routes": [route]},
        "next": {"endpoints": ["http://10.0.0.2:1"]},
    }
    with MeshClient("shop", services=services, transport=httpx.MockTransport(answer)) as made:
        yield made


def test_metrics_tell_of_mirrors(client: MeshClient) -> None:
    """By route and mirror, beside the calls, which they are no part of."""
    client.post("users", "/", content=iter([b"once"]))
    client.get("users", "/")
    wait_until(
        "both are compared",
        lambda: client.mesh.mirroring.counts()["users"]["all/next"].compared == 1,
    )
    metrics = client.mesh.metrics()
    users, copies = metrics.services["users"], metrics.services["next"]
    mirror = MirrorMetrics(
        offered=2, sent=1, failed=0, compared=1, different=1, dropped={"body": 1}
    )
    assert {"all/next": mirror} == users.mirrors
    assert (2, {}, 0) == (users.attempts, copies.mirrors, copies.attempts)
    assert "mirror all/next: 1 of 2 copies sent, 1 body, 0 failed, 1 of 1 different" in str(metrics)
    assert {"body": 1} == metrics.as_dict()["services"]["users"]["mirrors"]["all/next"]["dropped"]


def test_copies_are_counted_by_opentelemetry(
    client: MeshClient, meters: MeterProvider, read: Callable[[], dict[str, list[Any]]]
) -> None:
    """What was offered and what became of it, and what was compared."""
    stop = record_metrics(client, provider=meters)
    client.get("users", "/")
    wait_until(
        "both are compared",
        lambda: client.mesh.mirroring.counts()["users"]["all/next"].compared == 1,
    )
    seen = read()
    about = {"meshlib.mesh": "shop", "meshlib.service": "users", "meshlib.mirror": "all/next"}
    for name, values in {
        "meshlib.mirror.copies": {"offered": 1, "sent": 1, "failed": 0, "dropped": 0},
        "meshlib.mirror.comparisons": {"equal": 0, "different": 1},
    }.items():
        points = {point.attributes["state"]: point for point in seen[name]}
        assert values == {state: point.value for state, point in points.items()}
        assert all(dict(p.attributes) == about | {"state": s} for s, p in points.items())
    stop()


def test_copy_is_in_the_trace_of_its_call(
    client: MeshClient,
    provider: TracerProvider,
    spans: Callable[[], list[ReadableSpan]],
    copied: list[httpx.Request],
) -> None:
    """A server that gets it makes a child of the call's span."""
    client.mesh.service("users").tracing = Tracing(provider)
    client.get("users", "/", headers={"traceparent": "stale"})
    wait_until("the copy is there", lambda: len(copied) == 1)
    (call,) = [span for span in spans() if span.parent is None]
    trace, span = call.context.trace_id, call.context.span_id
    assert copied[0].headers["traceparent"].startswith(f"00-{trace:032x}-{span:016x}-")
