"""The snapshot of what every service and endpoint has done."""

from __future__ import annotations

import json

import httpx
from hypothesis import given
from hypothesis import strategies as st

from meshlib import MeshClient
from meshlib.telemetry import bucket_limit, measure
from meshlib.telemetry._metrics import quantile


def index_of(seconds: float) -> int:
    """The bucket of a latency, worked out by search."""
    return next(index for index in range(80) if seconds < bucket_limit(index) or index == 79)


def test_bucket_limits_rise() -> None:
    """Two buckets an octave, the first at a microsecond."""
    limits = [bucket_limit(index) for index in range(2, 80)]
    assert sorted(set(limits)) == limits[1:] if limits[0] == limits[1] else sorted(limits) == limits
    assert 1e-6 == bucket_limit(0)


@given(st.lists(st.floats(min_value=1e-4, max_value=100), min_size=1, max_size=50))
def test_quantile_is_not_too_low_nor_far_too_high(latencies: list[float]) -> None:
    """The upper edge of the bucket that holds the median: at most half an octave above it."""
    histogram = [0] * 80
    for latency in latencies:
        histogram[index_of(latency)] += 1
    median = sorted(latencies)[(len(latencies) - 1) // 2]
    found = quantile(histogram, 0.5)
    assert found is not None
    assert median <= found <= median * 1.5 + 1e-6


def test_quantile_of_nothing_is_unknown() -> None:
    """Without an attempt there is no latency."""
    assert quantile([0] * 80, 0.99) is None


def answer(request: httpx.Request) -> httpx.Response:
    """Port 1 fails, any other succeeds."""
    return httpx.Response(503 if request.url.port == 1 else 200)


def test_counts_calls_attempts_and_failures() -> None:
    """A retried call is one call, two attempts, one retry and one failure."""
    endpoints = ["http://10.0.0.1:1", "http://10.0.0.1:2"]
    settings = {
        "endpoints": endpoints,
        "balancer": "round_robin",
        "retry": {"backoff": {"initial": 0}},
    }
    with MeshClient(
        "shop", services={"users": settings}, transport=httpx.MockTransport(answer)
    ) as client:
        for _ in range(4):
            assert 200 == client.get("users", "/").status_code
        users = client.mesh.metrics().services["users"]
    assert 4 == users.calls
    assert users.attempts == users.calls + users.retries
    assert users.retries == users.failures > 0
    failing = users.endpoints["http://10.0.0.1:1"]
    assert failing.attempts == failing.failures == users.failures
    assert "closed" == failing.breaker
    assert failing.p50 is not None
    assert failing.p50 > 0
    assert 0 == users.in_flight == failing.in_flight


def test_counts_rejections_and_fallbacks() -> None:
    """A call that no endpoint can take is rejected; one that is answered instead is counted."""
    services = {
        "empty": {"endpoints": [], "fallback": {"json": {}}},
    }
    with MeshClient("shop", services=services) as client:
        assert 200 == client.get("empty", "/").status_code
        empty = client.mesh.metrics().services["empty"]
    assert (1, 0) == (empty.fallbacks, empty.calls)


def test_is_ready_for_json_and_readable() -> None:
    """Plain data, and a table that names each endpoint."""
    with MeshClient(
        "shop",
        services={"users": ["http://10.0.0.1:2"]},
        transport=httpx.MockTransport(answer),
    ) as client:
        client.get("users", "/")
        metrics = client.mesh.metrics()
    data = json.loads(json.dumps(metrics.as_dict()))
    assert 1 == data["services"]["users"]["endpoints"]["http://10.0.0.1:2"]["attempts"]
    assert "users: 1 calls" in str(metrics)
    assert "http://10.0.0.1:2" in str(metrics)


def test_names_a_source_that_fails() -> None:
    """The age of the last answer, and the error of the present one."""

    class Status:
        error = OSError("gone")

        def age(self, now: float) -> float:
            return now - 3

    class Supervisor:
        status = Status()

    with MeshClient("shop", services={"users": ["http://10.0.0.1:2"]}) as client:
        service = client.mesh.service("users")
        users = measure("shop", [service], {"users": Supervisor()}, 10.0).services["users"]
    assert (7.0, "OSError('gone')") == (users.discovery_age, users.discovery_error)
