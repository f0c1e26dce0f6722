"""What is done to a breaker by hand, and whom it tells what."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest

from meshlib._models import Verdict
from meshlib.breaker import Breaker, BreakerOptions, BreakerState

S, F, SHED, N = Verdict.SUCCESS, Verdict.FAILURE, Verdict.SHED, Verdict.NEUTRAL
CLOSED = BreakerState.CLOSED
OPEN = BreakerState.OPEN
HALF_OPEN = BreakerState.HALF_OPEN
ISOLATED = BreakerState.ISOLATED


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


def test_isolated_refuses_until_reset() -> None:
    """Time alone never ends it."""
    breaker = make()
    epoch = breaker.epoch
    breaker.isolate()
    assert (ISOLATED, False, math.inf) == (breaker.state, breaker.closed, breaker.wake_at)
    assert breaker.try_acquire(1e9) is None
    assert not breaker.is_available(1e9)
    assert math.inf == breaker.retry_after(1e9)
    breaker.record(epoch, S, 1e9)
    breaker.record(breaker.epoch, S, 1e9)
    breaker.record(breaker.epoch + 1, S, 1e9)
    breaker.cancel(epoch, 1e9)
    assert breaker.state is ISOLATED
    breaker.reset(1e9)
    assert (CLOSED, True) == (breaker.state, breaker.closed)


def test_isolating_ends_probes() -> None:
    """A probe that comes back to an isolated breaker changes nothing, nor after a reset."""
    breaker = opened()
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    breaker.isolate()
    assert (0, None) == (breaker.snapshot(5.0).probes, breaker.cause)
    breaker.record(epoch, F, 5.0)
    breaker.reset(5.0)
    breaker.record(epoch, F, 5.0)
    assert (CLOSED, 0) == (breaker.state, breaker.snapshot(5.0).failures)


def test_reset_forgets_counts_and_escalation() -> None:
    """After it everything is as in a new breaker but the number of openings."""
    breaker = opened()
    probe(breaker, F, 5.0)
    breaker.reset(6.0)
    assert (CLOSED, None, 2) == (breaker.state, breaker.cause, breaker.opened)
    feed(breaker, F, now=6.0)
    breaker.reset(6.0)
    feed(breaker, F, now=6.0)
    assert breaker.state is CLOSED
    feed(breaker, F, now=6.0)
    assert 5.0 == breaker.retry_after(6.0)


def test_shadow_runs_the_machine_and_refuses_nothing() -> None:
    """The states follow each other as they would have, while every call passes."""
    changes: list[tuple[BreakerState, BreakerState]] = []
    breaker = Breaker(
        BreakerOptions(consecutive_failures=2, shadow=True, probe_successes=2),
        on_change=lambda old, new, _cause: changes.append((old, new)),
    )
    before = breaker.epoch
    for now, verdict in [
        (0.0, F), (0.0, F),  # opens
        (4.9, S), (4.9, F),  # would have been refused
        (5.0, S),  # the break is over
        (5.0, F),  # a probe fails
        (14.9, S), (15.0, S),  # the break is over again
        (15.0, S), (15.0, N), (15.0, S),  # probes succeed
    ]:  # fmt: skip
        assert breaker.closed
        assert breaker.is_available(now)
        assert math.inf == breaker.wake_at
        assert 0.0 == breaker.retry_after(now)
        epoch = breaker.try_acquire(now)
        assert breaker.epoch == epoch
        breaker.record(epoch, verdict, now)
        breaker.cancel(epoch, now)
        if breaker.epoch != before:
            breaker.record(before, S, now)
    assert [
        (CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, OPEN), (OPEN, HALF_OPEN),
        (HALF_OPEN, CLOSED),
    ] == changes  # fmt: skip
    assert 2 == breaker.opened


def test_disabled_breaker_never_opens() -> None:
    """It counts nothing either."""
    breaker = make(enabled=False)
    feed(breaker, F, F, F, F)
    breaker.cancel(breaker.epoch, 0.0)
    assert (CLOSED, True, 0) == (breaker.state, breaker.closed, breaker.snapshot(0.0).total)
    assert breaker.epoch == breaker.try_acquire(0.0)


@pytest.mark.parametrize("option", [{"shadow": True}, {"enabled": False}])
def test_isolation_is_obeyed_in_every_mode(option: dict[str, bool]) -> None:
    """It is an order, not a judgement."""
    breaker = make(**option)
    breaker.isolate()
    assert breaker.try_acquire(0.0) is None
    assert not breaker.closed
    assert math.inf == breaker.retry_after(0.0)
    breaker.reset(0.0)
    assert breaker.closed


def test_every_change_is_told_with_its_cause() -> None:
    """Old state, new state and cause, once each."""
    changes: list[tuple[BreakerState, BreakerState, object]] = []
    breaker = Breaker(
        BreakerOptions(consecutive_failures=1),
        on_change=lambda *change: changes.append(change),
    )
    breaker.record(breaker.epoch, F, 0.0, 0.0, 503)
    probe(breaker, S, 5.0)
    breaker.isolate()
    breaker.isolate()
    breaker.reset(5.0)
    breaker.reset(5.0)
    assert [
        (CLOSED, OPEN, 503),
        (OPEN, HALF_OPEN, 503),
        (HALF_OPEN, CLOSED, None),
        (CLOSED, ISOLATED, None),
        (ISOLATED, CLOSED, None),
    ] == changes


def test_free_place_is_told_when_the_state_stays() -> None:
    """Whoever remembers which endpoints admit a probe learns of the place at once."""
    told: list[int] = []
    breaker = Breaker(
        BreakerOptions(consecutive_failures=1, probe_successes=2),
        on_available=lambda: told.append(breaker.snapshot(5.0).probes),
    )
    feed(breaker, F)
    probe(breaker, N, 5.0)
    assert [0] == told
    probe(breaker, S, 5.0)
    assert [0, 0] == told
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    breaker.cancel(epoch, 5.0)
    breaker.cancel(epoch, 5.0)
    assert [0, 0, 0] == told
    probe(breaker, S, 5.0)
    assert [0, 0, 0] == told


def test_races_between_reading_and_locking_are_harmless() -> None:
    """A state that changes while a call waits for the lock is seen once it has it."""

    class Interrupting:
        """A lock that lets something happen just before it is taken."""

        def __init__(self, what: Any) -> None:
            """Remember *what* is to happen."""
            self.what = what

        def __enter__(self) -> None:
            breaker._lock = threading.Lock()
            self.what()

        def __exit__(self, *exc: object) -> None:
            pass

    breaker = make()
    fake: Any = Interrupting(lambda: feed(breaker, F, F))
    epoch, breaker._lock = breaker.epoch, fake
    breaker.record(epoch, F, 0.0)
    assert (OPEN, 1) == (breaker.state, breaker.opened)

    fake = Interrupting(lambda: breaker.reset(5.0))
    breaker._lock = fake
    assert breaker.try_acquire(5.0) == breaker.epoch
    assert breaker.state is CLOSED


def test_snapshot_tells_everything() -> None:
    """Counters of the window at the instant asked for, and the rest of the state."""
    breaker = make(consecutive_failures=3)
    feed(breaker, S, SHED, F, F, now=1.0)
    snapshot = breaker.snapshot(1.0)
    assert (CLOSED, 4, 3, 0, 2, 0, 0, 0.0, None) == (
        snapshot.state, snapshot.total, snapshot.failures, snapshot.slow, snapshot.consecutive,
        snapshot.opened, snapshot.probes, snapshot.retry_after, snapshot.cause,
    )  # fmt: skip
    assert 0 == breaker.snapshot(12.0).total
    feed(breaker, F, now=12.0)
    snapshot = breaker.snapshot(13.0)
    assert (OPEN, 1, 4.0, 500) == (
        snapshot.state,
        snapshot.opened,
        snapshot.retry_after,
        snapshot.cause,
    )


def test_renewed_breaker_keeps_its_state_but_no_call() -> None:
    """A child of a fork knows that the endpoint is bad, and has no probe out."""
    breaker = opened()
    breaker.renew()
    assert (OPEN, 5.0, 500, False) == (
        breaker.state,
        breaker.wake_at,
        breaker.cause,
        breaker.closed,
    )
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    breaker._lock.acquire()
    breaker.renew()
    assert (HALF_OPEN, 0) == (breaker.state, breaker.snapshot(5.0).probes)
    breaker.record(epoch, F, 5.0)
    assert breaker.state is HALF_OPEN
    probe(breaker, S, 5.0)
    assert breaker.state is CLOSED


def test_renewed_breaker_ignores_calls_of_the_parent() -> None:
    """What the parent has in flight ends in the parent."""
    breaker = make()
    epoch = breaker.epoch
    feed(breaker, F)
    breaker.renew()
    breaker.record(epoch, F, 0.0)
    feed(breaker, F)
    assert (CLOSED, 1) == (breaker.state, breaker.snapshot(0.0).total)
