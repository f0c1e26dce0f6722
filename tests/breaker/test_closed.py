"""What a closed breaker counts, and when it opens."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import pytest

from meshlib._models import Verdict
from meshlib.breaker import Breaker, BreakerOptions, BreakerState

S, F, SHED, N = Verdict.SUCCESS, Verdict.FAILURE, Verdict.SHED, Verdict.NEUTRAL
CLOSED = BreakerState.CLOSED
OPEN = BreakerState.OPEN


def make(**options: Any) -> Breaker:
    """Return a breaker that opens at 2 failures in a row, for 5 s, unless said otherwise."""
    return Breaker(BreakerOptions(**{"consecutive_failures": 2, **options}))


def feed(breaker: Breaker, *verdicts: Verdict, now: float = 0.0, elapsed: float = 0.0) -> None:
    """Record *verdicts* in the current epoch."""
    for verdict in verdicts:
        breaker.record(breaker.epoch, verdict, now, elapsed, 500)


def probe(breaker: Breaker, verdict: Verdict, now: float) -> None:
    """Send one probe that ends with *verdict* at once."""
    epoch = breaker.try_acquire(now)
    assert epoch is not None
    breaker.record(epoch, verdict, now, 0.0, 503)


def opened(**options: Any) -> Breaker:
    """Return a breaker that opened at 0 s."""
    breaker = make(**options)
    feed(breaker, F, F)
    assert breaker.state is OPEN
    return breaker


def test_closed_breaker_admits_with_its_epoch() -> None:
    """A closed breaker is available, and gives out the epoch of its state."""
    breaker = make()
    assert (CLOSED, True, None) == (breaker.state, breaker.closed, breaker.cause)
    assert breaker.epoch == breaker.try_acquire(0.0)
    assert breaker.is_available(0.0)
    assert 0.0 == breaker.retry_after(0.0)
    assert math.inf == breaker.wake_at


def test_opens_at_consecutive_failures() -> None:
    """The fifth failure in a row opens, with default options, and not the fourth."""
    breaker = Breaker()
    feed(breaker, F, F, F, F)
    assert breaker.state is CLOSED
    feed(breaker, F)
    assert breaker.state is OPEN
    assert 1 == breaker.opened


def test_success_resets_consecutive_failures() -> None:
    """A success in between begins the row again, a slow one too."""
    breaker = make(slow_call_duration=1.0)
    feed(breaker, F, S, F)
    feed(breaker, S, elapsed=2.0)
    feed(breaker, F)
    assert breaker.state is CLOSED


def test_shedding_neither_adds_to_nor_ends_a_row() -> None:
    """An overloaded endpoint lives: 429 between two failures changes nothing."""
    breaker = make()
    feed(breaker, SHED, SHED, SHED, F, SHED)
    assert breaker.state is CLOSED
    feed(breaker, F)
    assert breaker.state is OPEN


def test_neutral_outcomes_count_nothing() -> None:
    """They neither end a row nor fill the window."""
    breaker = make()
    feed(breaker, F, N, N)
    assert 1 == breaker.snapshot(0.0).total
    feed(breaker, F)
    assert breaker.state is OPEN


@pytest.mark.parametrize("bad", [F, SHED])
def test_opens_when_ratio_reached(bad: Verdict) -> None:
    """Half of twenty outcomes failed: it opens at the twentieth."""
    breaker = make(consecutive_failures=None)
    feed(breaker, *[bad, S] * 9, S)
    assert breaker.state is CLOSED
    feed(breaker, bad)
    assert breaker.state is OPEN


def test_stays_closed_below_the_ratio() -> None:
    """Nine failures of twenty are less than half."""
    breaker = make(consecutive_failures=None)
    feed(breaker, *[F] * 9, *[S] * 11)
    assert breaker.state is CLOSED


def test_opens_when_a_success_reaches_the_minimum() -> None:
    """The ratio holds from the twentieth outcome on, whichever that is."""
    breaker = make(consecutive_failures=None)
    breaker.record(breaker.epoch, F, 0.0, 0.0, ValueError())
    feed(breaker, *[F, S] * 9)
    assert breaker.state is CLOSED
    feed(breaker, S)
    assert breaker.state is OPEN
    assert 500 == breaker.cause


def test_ratio_is_exact_where_multiplication_rounds_up() -> None:
    """Three of thirty are a tenth."""
    breaker = make(consecutive_failures=None, failure_ratio=0.1, minimum_throughput=30)
    feed(breaker, F, F, F, *[S] * 27)
    assert breaker.state is OPEN


def test_failures_age_out_of_the_time_window() -> None:
    """What happened longer ago than the sampling duration is not held against it."""
    breaker = make(consecutive_failures=None, minimum_throughput=4)
    feed(breaker, F, F, F, now=0.0)
    feed(breaker, F, S, S, S, S, now=10.0)
    assert (5, 1) == (breaker.snapshot(10.0).total, breaker.snapshot(10.0).failures)
    assert breaker.state is CLOSED


def test_count_window_judges_the_last_outcomes() -> None:
    """The window slides by one an outcome."""
    breaker = make(
        consecutive_failures=None, sampling_count=4, minimum_throughput=4, failure_ratio=0.75
    )
    feed(breaker, F, F, S, S, F, F)
    assert breaker.state is CLOSED
    feed(breaker, F)
    assert breaker.state is OPEN


def test_minimum_is_capped_at_the_size_of_a_count_window() -> None:
    """A window of 4 outcomes is judged though the minimum of 20 is never reached."""
    breaker = make(consecutive_failures=None, sampling_count=4)
    feed(breaker, F, F, F)
    assert breaker.state is CLOSED
    feed(breaker, S)
    assert breaker.state is OPEN


def test_opens_when_too_many_are_slow() -> None:
    """Slow successes open it; one exactly at the limit is not slow."""
    breaker = make(slow_call_duration=1.0, slow_call_ratio=0.5, minimum_throughput=4)
    feed(breaker, S, S, elapsed=1.0)
    feed(breaker, S, elapsed=1.1)
    assert breaker.state is CLOSED
    feed(breaker, S, elapsed=1.1)
    assert breaker.state is OPEN
    assert "slow" == breaker.cause


def test_slow_failures_count_twice_over() -> None:
    """A slow failure is both slow and failed."""
    breaker = make(slow_call_duration=1.0)
    feed(breaker, F, elapsed=2.0)
    feed(breaker, SHED, elapsed=1.0)
    snapshot = breaker.snapshot(0.0)
    assert (2, 2, 1, 1) == (
        snapshot.total,
        snapshot.failures,
        snapshot.slow,
        snapshot.consecutive,
    )


def test_time_is_not_looked_at_by_default() -> None:
    """Without a slow_call_duration nothing is slow."""
    breaker = make(minimum_throughput=1)
    feed(breaker, S, elapsed=1e9)
    assert (CLOSED, 0) == (breaker.state, breaker.snapshot(0.0).slow)


def test_never_opens_when_every_trigger_is_off() -> None:
    """It still counts, for metrics."""
    breaker = make(consecutive_failures=None, failure_ratio=None)
    feed(breaker, *[F] * 100)
    assert (CLOSED, 100) == (breaker.state, breaker.snapshot(0.0).failures)


def test_closed_breaker_keeps_no_exception_alive() -> None:
    """A traceback holds the frames of a whole call, so only an open breaker keeps one."""

    class BrokenError(Exception):
        """An error that can be referred to weakly."""

    breaker = make()
    error = BrokenError()
    gone = weakref.ref(error)
    breaker.record(breaker.epoch, F, 0.0, 0.0, error)
    del error
    gc.collect()
    assert gone() is None
