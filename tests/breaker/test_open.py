"""How an open breaker waits, for how long, and on which clock."""

from __future__ import annotations

import random
from typing import Any

import pytest

from meshlib._models import Verdict
from meshlib.breaker import Breaker, BreakerOptions, BreakerState

S, F = Verdict.SUCCESS, Verdict.FAILURE
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


def test_open_breaker_refuses_until_its_break_is_over() -> None:
    """It says when to come back, and changes nothing when it is only asked."""
    breaker = opened()
    assert not breaker.closed
    assert 5.0 == breaker.wake_at
    assert breaker.try_acquire(4.9) is None
    assert not breaker.is_available(4.9)
    assert pytest.approx(0.1) == breaker.retry_after(4.9)
    assert breaker.is_available(5.0)
    assert 0.0 == breaker.retry_after(5.0)
    assert breaker.state is OPEN


def test_cause_is_the_failure_that_opened_it() -> None:
    """An open breaker tells why, and a closed one has nothing to tell."""
    breaker = make()
    error: object = OSError("refused")
    breaker.record(breaker.epoch, F, 0.0, 0.0, 503)
    breaker.record(breaker.epoch, F, 0.0, 0.0, error)
    seen = [breaker.cause]
    probe(breaker, F, 5.0)
    seen.append(breaker.cause)
    probe(breaker, S, 15.0)
    assert [error, 503, None] == [*seen, breaker.cause]


def test_opening_clears_the_window() -> None:
    """Old failures cannot open it again once it has closed."""
    breaker = opened()
    assert (0, 0) == (breaker.snapshot(0.0).total, breaker.snapshot(0.0).consecutive)
    probe(breaker, S, 5.0)
    feed(breaker, F, now=5.0)
    assert breaker.state is CLOSED


def test_breaks_double_up_to_the_maximum() -> None:
    """5, 10, 20, 30, 30 seconds while probes fail."""
    breaker = opened(max_break_duration=30.0)
    now, breaks = 0.0, [breaker.retry_after(0.0)]
    for _ in range(4):
        now += breaks[-1]
        probe(breaker, F, now)
        breaks.append(breaker.retry_after(now))
    assert [5.0, 10.0, 20.0, 30.0, 30.0] == breaks


def test_break_stays_long_when_it_opens_again_soon() -> None:
    """Closed for less than a window is not healed."""
    breaker = opened()
    probe(breaker, S, 5.0)
    feed(breaker, F, F, now=14.5)
    assert 10.0 == breaker.retry_after(14.5)


def test_escalation_is_forgotten_after_a_healthy_window() -> None:
    """Closed for the whole sampling duration, it begins with the first break again."""
    breaker = opened()
    probe(breaker, F, 5.0)
    probe(breaker, S, 15.0)
    feed(breaker, F, F, now=25.0)
    assert 5.0 == breaker.retry_after(25.0)


def test_escalation_is_forgotten_after_a_count_window() -> None:
    """With a count window, healthy is more outcomes than the window holds."""
    for healthy, length in ((8, 10.0), (9, 5.0)):
        breaker = opened(sampling_count=10, failure_ratio=None)
        probe(breaker, S, 5.0)
        feed(breaker, *[S] * healthy, F, F, now=5.0)
        assert length == breaker.retry_after(5.0)


def test_longer_breaks_are_jittered_when_there_is_chance() -> None:
    """The first is exact, the others lose up to half (Finagle's equal jitter)."""
    options = BreakerOptions(consecutive_failures=1, break_duration=8.0, max_break_duration=16.0)
    lengths = set()
    for seed in range(20):
        breaker = Breaker(options, rng=random.Random(seed))
        feed(breaker, F)
        assert 8.0 == breaker.retry_after(0.0)
        for now in (8.0, 24.0):
            probe(breaker, F, now)
            assert 8.0 <= breaker.retry_after(now) <= 16.0
            lengths.add(breaker.retry_after(now))
    assert len(lengths) == 40
    assert max(lengths) > 14.0
    assert min(lengths) < 10.0


def test_clock_set_back_does_not_prolong_a_break() -> None:
    """A break ends when the clock steps back by more than it was to last."""
    breaker = make()
    feed(breaker, F, F, now=3600.0)
    assert breaker.try_acquire(3599.9) is None
    assert breaker.try_acquire(3595.1) is None
    assert breaker.try_acquire(3595.0) is not None


def test_clock_set_back_does_not_prolong_a_lease() -> None:
    """Nor does it hold the place of a lost probe; a racing thread's clock frees none."""
    breaker = make()
    feed(breaker, F, F, now=3600.0)
    breaker.try_acquire(3605.0)
    assert breaker.try_acquire(3604.9) is None
    assert breaker.try_acquire(0.0) is not None
    assert 1 == breaker.snapshot(0.0).probes
    assert breaker.try_acquire(0.0) is None


def test_clock_set_back_does_not_freeze_a_closed_breaker() -> None:
    """Counts go on in the new time."""
    breaker = make(consecutive_failures=None, minimum_throughput=4)
    feed(breaker, F, F, S, now=3600.0)
    feed(breaker, S, S, S, F, now=0.0)
    assert (CLOSED, 4) == (breaker.state, breaker.snapshot(0.0).total)
    feed(breaker, F, F, now=1.0)
    assert breaker.state is OPEN
