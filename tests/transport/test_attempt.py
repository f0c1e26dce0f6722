"""An attempt gives back what it holds exactly once."""

from __future__ import annotations

import httpx

from meshlib._models import CANCELLED, DEADLINE, SUCCESS
from support import FakeClock
from support.meshes import at_rest, begun, service_of


def test_release_counts_once(clock: FakeClock) -> None:
    """A second release changes nothing."""
    service = service_of(clock)
    call, attempt = begun(service)
    attempt.release()
    attempt.release()
    assert 0 == attempt.target.load.in_flight
    call.close()
    assert at_rest(service)


def test_cancel_is_idempotent(clock: FakeClock) -> None:
    """A second cancellation, and one after the outcome, say nothing."""
    service = service_of(clock)
    call, attempt = begun(service)
    attempt.cancel()
    attempt.cancel(DEADLINE)
    assert CANCELLED is attempt.outcome
    second = call.start_attempt()
    call.finish_attempt(second, httpx.Response(200))
    second.cancel()
    assert SUCCESS is second.outcome
    call.close()
    assert at_rest(service)


def test_settled_tells_load_breaker_and_outliers(clock: FakeClock) -> None:
    """One outcome reaches everyone who learns from it."""
    service = service_of(clock)
    call, attempt = begun(service)
    clock.advance(0.2)
    attempt.settle(SUCCESS, clock(), None, 0.0)
    target = attempt.target
    assert 0.2 == attempt.elapsed or abs(attempt.elapsed - 0.2) < 1e-9
    assert (1, 1) == (target.outlier.total, target.outlier.successes)
    assert 1 == attempt.breaker.snapshot(clock()).total
    assert 1 == sum(target.histogram)
    call.close()


def test_outcome_goes_to_the_breaker_it_began_with(clock: FakeClock) -> None:
    """New options bring a new breaker, to which an old epoch means nothing."""
    service = service_of(clock)
    call, attempt = begun(service)
    old = attempt.breaker
    target = attempt.target
    changed = service_of(clock, breaker={"consecutive_failures": 2}).policies
    service.apply(changed)
    assert old is not target.breaker
    call.finish_attempt(attempt, httpx.Response(503))
    assert (1, 0) == (old.snapshot(clock()).failures, target.breaker.snapshot(clock()).failures)
    call.close()


def test_probe_is_given_back(clock: FakeClock) -> None:
    """A cancelled probe leaves its place to the next call."""
    service = service_of(clock, "http://a", breaker={"consecutive_failures": 1})
    call, attempt = begun(service, "POST")
    call.finish_attempt(attempt, httpx.Response(500))
    call.close()
    clock.advance(5.0)
    for _ in range(2):
        call, attempt = begun(service)
        assert attempt.probe
        assert 1 == attempt.breaker.snapshot(clock()).probes
        call.close()
        assert at_rest(service)


def test_cut_off_attempt_of_a_hedge_is_observed(clock: FakeClock) -> None:
    """Without the slow ones that hedges cut off, the measured delay would sink."""
    service = service_of(clock, hedge=True)
    assert service.hedge is not None
    for _ in range(20):
        call, attempt = begun(service)
        clock.advance(1.0)
        attempt.cancel()
        call.close()
    delay = service.hedge.delay(clock())
    assert delay is not None
    assert delay >= 1.0


def test_limit_is_counted_from_the_start(clock: FakeClock) -> None:
    """Without a fault nothing has held the attempt back, so no clock is read."""
    service = service_of(clock, timeout=5.0)
    call, attempt = begun(service)
    clock.advance(1.0)
    assert (5.0, clock() + 4.0) == (attempt.left(), attempt.limit)
    call.close()
