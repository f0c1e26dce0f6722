"""How probes decide."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meshlib._models import Verdict
from meshlib.breaker import Breaker, BreakerOptions, BreakerState

S, F, SHED, N = Verdict.SUCCESS, Verdict.FAILURE, Verdict.SHED, Verdict.NEUTRAL
CLOSED = BreakerState.CLOSED
OPEN = BreakerState.OPEN
HALF_OPEN = BreakerState.HALF_OPEN


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


def test_first_call_after_the_break_is_a_probe() -> None:
    """It turns the breaker half-open, and the next call is refused."""
    breaker = opened()
    assert breaker.try_acquire(5.0) is not None
    assert (HALF_OPEN, False) == (breaker.state, breaker.closed)
    assert breaker.try_acquire(5.0) is None
    assert not breaker.is_available(5.0)
    assert 35.0 == breaker.wake_at
    assert 30.0 == breaker.retry_after(5.0)
    assert 1 == breaker.snapshot(5.0).probes


def test_successful_probe_closes() -> None:
    """One success is enough by default."""
    breaker = opened()
    probe(breaker, S, 5.0)
    assert (CLOSED, True, math.inf) == (breaker.state, breaker.closed, breaker.wake_at)


@pytest.mark.parametrize("verdict", [F, SHED])
def test_failing_probe_reopens_at_once(verdict: Verdict) -> None:
    """One failure or shed load suffices, whatever `consecutive_failures` is (Linkerd)."""
    breaker = opened()
    probe(breaker, verdict, 5.0)
    assert (OPEN, 15.0, 503, 2) == (breaker.state, breaker.wake_at, breaker.cause, breaker.opened)


def test_slow_probe_reopens() -> None:
    """A success that is slow does not show that the endpoint has recovered."""
    breaker = opened(slow_call_duration=1.0)
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    breaker.record(epoch, S, 7.0, 1.1, 200)
    assert (OPEN, "slow") == (breaker.state, breaker.cause)
    epoch = breaker.try_acquire(17.0)
    assert epoch is not None
    breaker.record(epoch, S, 18.0, 1.0, 200)
    assert breaker.state is CLOSED


def test_several_successes_close_when_asked_for() -> None:
    """Each gives its place to the next probe."""
    breaker = opened(probe_successes=3)
    probe(breaker, S, 5.0)
    probe(breaker, S, 5.0)
    assert breaker.state is HALF_OPEN
    probe(breaker, S, 5.0)
    assert breaker.state is CLOSED


def test_successes_of_an_earlier_half_open_state_do_not_count() -> None:
    """A failing probe begins the count again."""
    breaker = opened(probe_successes=2)
    probe(breaker, S, 5.0)
    probe(breaker, F, 5.0)
    probe(breaker, S, 15.0)
    assert breaker.state is HALF_OPEN


def test_as_many_probes_as_there_are_places() -> None:
    """Places are counted, and one wake-up is due when the first lease ends."""
    breaker = opened(probes=2)
    assert breaker.try_acquire(5.0) is not None
    assert math.inf == breaker.wake_at
    assert breaker.is_available(5.0)
    assert breaker.try_acquire(6.0) is not None
    assert 35.0 == breaker.wake_at
    assert breaker.try_acquire(6.0) is None


@pytest.mark.parametrize("way", ["cancel", "neutral"])
def test_place_is_given_back_without_an_outcome(way: str) -> None:
    """A cancelled probe neither opens nor closes, and another may go at once."""
    breaker = opened()
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    if way == "cancel":
        breaker.cancel(epoch, 6.0)
        breaker.cancel(epoch, 6.0)
    else:
        breaker.record(epoch, N, 6.0, 1.0)
    assert (HALF_OPEN, 0, math.inf) == (
        breaker.state,
        breaker.snapshot(6.0).probes,
        breaker.wake_at,
    )
    assert breaker.try_acquire(6.0) not in (None, epoch)


def test_cancellations_never_open_nor_close() -> None:
    """In no state does giving up say anything about the endpoint."""
    breaker = make()
    for _ in range(50):
        breaker.cancel(breaker.epoch, 0.0)
    assert breaker.state is CLOSED
    feed(breaker, F, F)
    for _ in range(50):
        breaker.cancel(breaker.epoch, 1.0)
    assert breaker.state is OPEN
    for _ in range(50):
        epoch = breaker.try_acquire(5.0)
        assert epoch is not None
        breaker.cancel(epoch, 5.0)
    assert breaker.state is HALF_OPEN


def test_lease_of_a_lost_probe_runs_out() -> None:
    """A probe that never ends cannot keep the breaker half-open for ever."""
    breaker = opened(probe_lease=10.0)
    assert breaker.try_acquire(5.0) is not None
    assert breaker.try_acquire(14.9) is None
    assert breaker.is_available(15.0)
    assert breaker.try_acquire(15.0) is not None
    assert 1 == breaker.snapshot(15.0).probes
    assert breaker.try_acquire(15.0) is None


def test_lost_probe_makes_room_for_one_only() -> None:
    """Of two leases only the one that ran out is given to another."""
    breaker = opened(probes=2, probe_lease=10.0)
    breaker.try_acquire(5.0)
    breaker.try_acquire(10.0)
    assert breaker.try_acquire(15.0) is not None
    assert breaker.try_acquire(15.0) is None
    assert 20.0 == breaker.wake_at


@pytest.mark.parametrize(("verdict", "state"), [(S, CLOSED), (F, OPEN), (N, HALF_OPEN)])
def test_outcome_after_the_lease_counts_while_half_open(
    verdict: Verdict, state: BreakerState
) -> None:
    """A late probe says as much as any, but frees no place: that is another's by now."""
    breaker = opened(probe_lease=10.0)
    late = breaker.try_acquire(5.0)
    breaker.try_acquire(15.0)
    assert late is not None
    breaker.record(late, verdict, 16.0, 11.0)
    assert breaker.state is state
    if state is HALF_OPEN:
        assert 1 == breaker.snapshot(16.0).probes
        assert breaker.try_acquire(16.0) is None


def test_outcome_of_an_earlier_half_open_state_is_ignored() -> None:
    """Nor does it free the place of the probe that is out now."""
    breaker = opened(probes=2)
    first, second = breaker.try_acquire(5.0), breaker.try_acquire(5.0)
    assert first is not None
    assert second is not None
    breaker.record(first, F, 5.0)
    breaker.record(second, S, 5.0)
    assert breaker.state is OPEN
    breaker.try_acquire(15.0)
    for verdict in (S, F, SHED, N):
        breaker.record(second, verdict, 15.0)
    breaker.cancel(second, 15.0)
    assert (HALF_OPEN, 1) == (breaker.state, breaker.snapshot(15.0).probes)


def test_outcome_from_before_the_trip_is_ignored() -> None:
    """Stragglers of a closed epoch neither close, reopen nor count later."""
    breaker = make()
    epoch = breaker.epoch
    feed(breaker, F, F)
    breaker.record(epoch, S, 1.0)
    assert breaker.state is OPEN
    breaker.try_acquire(5.0)
    breaker.record(epoch, F, 5.0)
    breaker.record(epoch, S, 5.0)
    assert breaker.state is HALF_OPEN
    breaker.reset(5.0)
    breaker.record(epoch, F, 5.0)
    breaker.record(epoch, F, 5.0)
    assert (CLOSED, 0) == (breaker.state, breaker.snapshot(5.0).total)


def test_epoch_of_the_half_open_state_is_no_probe() -> None:
    """A call that read the epoch without asking for a place has no say."""
    breaker = opened()
    breaker.try_acquire(5.0)
    breaker.record(breaker.epoch, S, 5.0)
    breaker.record(breaker.epoch, F, 5.0)
    assert breaker.state is HALF_OPEN


def test_epochs_of_two_breakers_never_meet() -> None:
    """An attempt that outlives its breaker means nothing to the one after it."""
    old = make()
    epoch = old.epoch
    new = make()
    new.record(epoch, F, 0.0)
    new.record(epoch, F, 0.0)
    assert (CLOSED, 0) == (new.state, new.snapshot(0.0).total)
