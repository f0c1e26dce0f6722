"""The snapshot of what every service and endpoint has done."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import CircuitOpenError, Endpoint, MeshClient
from meshlib._clock import monotonic
from meshlib._models import SUCCESS
from meshlib.balancing import Baseline
from meshlib.breaker import Breaker
from meshlib.discovery import SourceStatus
from meshlib.telemetry import MeshMetrics, bucket_limit, measure
from meshlib.telemetry._measure import quantile
from meshlib.transport import Target

ONE, TWO = "http://10.0.0.1:1", "http://10.0.0.1:2"


def target() -> Target:
    """An endpoint that has done nothing yet."""
    return Target(Endpoint(ONE), baseline=Baseline(), breaker=Breaker(), now=0.0)


def bucket_of(seconds: float) -> int:
    """The bucket in which a target counts *seconds*."""
    counting = target()
    counting.settle(SUCCESS, 0.0, seconds, 0.0)
    return counting.histogram.index(1)


@given(st.integers(min_value=0, max_value=2**38))
def test_a_latency_is_below_the_limit_of_its_bucket_and_above_the_one_before(micros: int) -> None:
    """The edges are those by which targets really count."""
    seconds = (micros + 0.5) * 1e-6  # clear of the edges, where rounding decides
    index = bucket_of(seconds)
    assert seconds < bucket_limit(index)
    before = index - 1 if index not in (4, 0) else 1  # buckets 2 and 3 are never used
    assert index == 0 or seconds >= bucket_limit(before)


@pytest.mark.parametrize(
    ("index", "micros"),
    [(0, 1), (1, 2), (2, 2), (3, 3), (4, 3), (5, 4), (6, 6), (7, 8), (8, 12), (9, 16)],
)
def test_bucket_limits_are_two_to_an_octave(index: int, micros: int) -> None:
    """Powers of two, and half-way between them."""
    assert bucket_limit(index) == pytest.approx(micros * 1e-6)


@given(st.lists(st.floats(min_value=2e-6, max_value=1000), min_size=1, max_size=50))
def test_a_quantile_is_not_too_low_nor_far_too_high(latencies: list[float]) -> None:
    """The upper edge of the bucket that holds it: at most half as high again."""
    counting = target()
    for latency in latencies:
        counting.settle(SUCCESS, 0.0, latency, 0.0)
    median = sorted(latencies)[(len(latencies) - 1) // 2]
    found = quantile(counting.histogram, 0.5)
    assert found is not None
    assert median <= found <= (median + 1e-6) * 1.5
    assert bucket_limit(bucket_of(max(latencies))) == quantile(counting.histogram, 1.0)


def test_a_quantile_of_nothing_is_unknown() -> None:
    """Without an attempt there is no latency."""
    assert quantile([0] * 80, 0.99) is None


def answer(request: httpx.Request) -> httpx.Response:
    """Port 1 fails, any other succeeds."""
    return httpx.Response(503 if request.url.port == 1 else 200)


def client(*endpoints: Any, **settings: Any) -> MeshClient:
    """A client of the service `users`."""
    service = {
        "endpoints": list(endpoints or (ONE, TWO)),
        "balancer": "round_robin",
        "retry": {"backoff": {"initial": 0}},
        **settings,
    }
    return MeshClient("shop", services={"users": service}, transport=httpx.MockTransport(answer))


def test_counts_calls_attempts_and_failures() -> None:
    """A retried call is one call, two attempts, one retry and one failure."""
    with client() as mesh:
        for _ in range(4):
            assert 200 == mesh.get("users", "/").status_code
        users = mesh.mesh.metrics().services["users"]
    assert 4 == users.calls
    assert users.attempts == users.calls + users.retries
    assert users.retries == users.failures > 0
    failing, good = users.endpoints[ONE], users.endpoints[TWO]
    assert failing.attempts == failing.failures == users.failures
    assert users.retries == failing.retries + good.retries
    assert (4, 0) == (good.attempts, good.failures)
    assert failing.p50 is not None
    assert failing.p99 is not None
    assert 0 < failing.p50 <= failing.p99
    assert failing.latency > good.latency > 0  # a failure is penalised


def test_tells_the_state_of_endpoints() -> None:
    """Breaker, ejection, health, weight, priority, and what never was measured."""
    with client({"url": ONE, "weight": 3, "priority": 1}, TWO) as mesh:
        service = mesh.mesh.service("users")
        service.targets[0].breaker.isolate()
        service.targets[1].outlier.ejected = True
        service.set_healthy({TWO: False})
        endpoints = mesh.mesh.metrics().services["users"].endpoints
    one, two = endpoints[ONE], endpoints[TWO]
    assert ("isolated", False, True, 3.0, 1) == (
        one.breaker, one.ejected, one.healthy, one.weight, one.priority,
    )  # fmt: skip
    assert ("closed", True, False, 1.0, 0) == (
        two.breaker, two.ejected, two.healthy, two.weight, two.priority,
    )  # fmt: skip
    assert (0.0, None, None, 0) == (one.latency, one.p50, one.p99, one.opened)


def test_counts_how_often_a_breaker_opened() -> None:
    """From its first failure, here."""
    with client(ONE, retry=False, breaker={"consecutive_failures": 1}) as mesh:
        mesh.get("users", "/")
        one = mesh.mesh.metrics().services["users"].endpoints[ONE]
    assert ("open", 1) == (one.breaker, one.opened)


def test_counts_rejections_and_fallbacks() -> None:
    """A call that no endpoint can take is rejected; one that is answered instead is counted."""
    with client() as mesh:
        for each in mesh.mesh.service("users").targets:
            each.breaker.isolate()
        with pytest.raises(CircuitOpenError):
            mesh.get("users", "/")
        users = mesh.mesh.metrics().services["users"]
    assert (1, 0, 0) == (users.rejected, users.fallbacks, users.calls)
    with MeshClient(
        "shop", services={"users": {"endpoints": [], "fallback": {"json": {}}}}
    ) as mesh:
        assert 200 == mesh.get("users", "/").status_code
        users = mesh.mesh.metrics().services["users"]
    assert (1, 0) == (users.fallbacks, users.calls)


def test_tells_of_bulkhead_and_budget() -> None:
    """What is in flight while a body is open, the limit, and what is left of the budget."""
    limits = {"bulkhead": {"max_concurrency": 7}}
    with client(
        TWO, retry={"budget": {"ratio": 0, "min_per_second": 2, "ttl": 10}}, **limits
    ) as mesh:
        service = mesh.mesh.service("users")
        with mesh.stream("GET", "http://users/"):
            pass
        service.bulkhead.try_acquire()
        for _ in range(21):
            service.budget.try_withdraw(service.clock())
        users = mesh.mesh.metrics().services["users"]
    assert (1, 0, 7) == (users.in_flight, users.queued, users.max_concurrency)
    assert (0, 0) == (users.bulkhead_rejected, users.bulkhead_abandoned)
    assert (0, 1) == (users.budget_balance, users.budget_refused)


def failing(error: BaseException | None, last_success: float | None) -> MeshMetrics:
    """The metrics of a service whose source is in this state, at the instant 10."""

    class Supervisor:
        status = SourceStatus(source="dns", last_success=last_success, error=error, snapshots=1)

    with client(TWO) as mesh:
        service = mesh.mesh.service("users")
        return measure("shop", [service], {"users": Supervisor()}, 10.0)


def test_names_a_source_that_fails() -> None:
    """The age of the last answer, and the error of the present one, without credentials."""
    users = failing(OSError("http://u:p@consul gone"), 3.0).services["users"]
    assert 7.0 == users.discovery_age
    assert "OSError: http://REDACTED:REDACTED@consul gone" == users.discovery_error
    users = failing(None, None).services["users"]
    assert (None, None) == (users.discovery_age, users.discovery_error)


def test_is_ready_for_json() -> None:
    """Plain data: what it holds after a round trip is what it held before."""
    with client() as mesh:
        mesh.get("users", "/")
        for url in (ONE, TWO):
            mesh.mesh.service("users").set_healthy({url: False})
        metrics = mesh.mesh.metrics()
    data = metrics.as_dict()
    assert data == json.loads(json.dumps(data, allow_nan=False))
    users = data["services"]["users"]
    assert ("shop", "users", [0]) == (data["name"], users["name"], users["panic"])
    assert {ONE, TWO} == set(users["endpoints"])
    assert (0,) == metrics.services["users"].panic


def test_its_text_is_a_table() -> None:
    """A line for the service, then aligned columns with a line for each endpoint."""
    with client(ONE, "http://longer.example:2") as mesh:
        mesh.get("users", "/")  # begins anywhere, and goes on to the other
        while mesh.mesh.metrics().services["users"].failures == 0:
            mesh.get("users", "/")
        mesh.mesh.service("users").targets[0].outlier.ejected = True
        metrics = mesh.mesh.metrics()
    head, service, titles, first, second = str(metrics).splitlines()
    assert "mesh shop" == head
    assert service.startswith("users: ")
    assert " calls, 1 retries, 0 rejected, 0 fallbacks, 0 in flight, 0 queued, " in service
    assert ["endpoint", "breaker", "in", "flight", "attempts"] == titles.split()[:5]
    assert [ONE, "closed", "0", "1", "1"] == first.split()[:5]
    assert ["http://longer.example:2", "closed", "0"] == second.split()[:3]
    assert first.index("closed") == second.index("closed") == titles.index("breaker")
    edge = titles.index("failed") + len("failed")  # numbers end where their title does
    assert ["1", "0"] == [line[:edge].split()[-1] for line in (first, second)]
    assert first.endswith("ms  ejected")
    assert second.endswith("ms")


def test_its_text_tells_of_trouble() -> None:
    """Panic, a source that fails, and endpoints that were never tried."""
    metrics = failing(OSError("gone"), 3.0)
    users = replace(metrics.services["users"], panic=(0, 1))
    text = str(replace(metrics, services={"users": users}))
    assert "panic at priority 0, 1" in text
    assert "discovery fails, the list is 7.0 s old: OSError: gone" in text
    assert ["-", "-", "-"] == text.splitlines()[-1].split()[-3:]
    users = replace(users, endpoints={}, discovery_age=None)
    text = str(replace(metrics, services={"users": users}))
    assert "no endpoints yet: OSError: gone" in text
    assert 2 == len(text.splitlines())


def test_is_of_this_moment() -> None:
    """What was read does not change afterwards."""
    with client(TWO) as mesh:
        service = mesh.mesh.service("users")
        before = measure("shop", [service], {}, monotonic())
        mesh.get("users", "/")
        after = measure("shop", [service], {}, monotonic())
    assert (0, 1) == (before.services["users"].calls, after.services["users"].calls)


def test_counters_do_not_fall_when_an_endpoint_leaves() -> None:
    """What it did stays in the sums of its service, also what it does while it is drained."""
    answers = iter([503, 503, 200, 200, 500])
    service = {"balancer": "round_robin", "breaker": False, "retry": {"backoff": {"initial": 0}}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/late":
            mesh.mesh.service("users").update([Endpoint(TWO)])
            told.append(sums())
        return httpx.Response(next(answers))

    def sums() -> tuple[int, int, int, int]:
        found = mesh.mesh.metrics().services["users"]
        return found.calls, found.attempts, found.retries, found.failures

    told: list[tuple[int, int, int, int]] = []
    with MeshClient(
        "shop", services={"users": service}, transport=httpx.MockTransport(answer)
    ) as mesh:
        users = mesh.mesh.service("users")
        users.update([Endpoint(ONE), Endpoint(TWO)])
        for _ in range(2):
            mesh.get("users", "/")
        assert (2, 4, 2, 2) == sums()
        users.update([Endpoint(ONE)])
        assert (2, 4, 2, 2) == sums()
        assert [f"{ONE}"] == list(mesh.mesh.metrics().services["users"].endpoints)
        mesh.get("users", "/late")  # its endpoint leaves while it is asked, and then fails
        assert [(3, 5, 2, 2)] == told
        assert (3, 5, 2, 3) == sums()
        users.update([Endpoint(ONE)])
        users.update([])
        assert (3, 5, 2, 3) == sums()
        assert "3 calls, 2 retries" in str(mesh.mesh.metrics())
    users.renew()
    assert (3, 5, 2, 3) == sums()
