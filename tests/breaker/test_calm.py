"""Successes that a closed breaker counts without its lock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from meshlib._models import Verdict
from meshlib.breaker import Breaker, BreakerOptions, BreakerState

S, F, SHED = Verdict.SUCCESS, Verdict.FAILURE, Verdict.SHED
CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


class Interrupting(float):
    """An instant that lets other threads go ahead while it is compared."""

    meanwhile: Callable[[], object]

    def __ge__(self, other: float) -> bool:
        """Compare, after the interruption."""
        self.meanwhile()
        return super().__ge__(other)


def at(instant: float, meanwhile: Callable[[], object]) -> Interrupting:
    """Return *instant*, at which *meanwhile* happens."""
    now = Interrupting(instant)
    now.meanwhile = meanwhile
    return now


def make(*verdicts: Verdict, **options: Any) -> Breaker:
    """Return a breaker for ratios of 20 outcomes, and *verdicts* recorded at 0 s."""
    breaker = Breaker(BreakerOptions(**{"consecutive_failures": None, **options}))
    feed(breaker, *verdicts)
    return breaker


def feed(breaker: Breaker, *verdicts: Verdict, now: float = 0.0) -> None:
    """Record *verdicts* in the current epoch."""
    for verdict in verdicts:
        breaker.record(breaker.epoch, verdict, now, 0.0, 500)


@pytest.mark.parametrize(
    ("options", "before", "total"),
    [
        ({}, [S], 5),
        ({}, [S] * 20 + [F, S], 26),
        ({}, [SHED] * 9 + [S] * 11, 24),
        ({"sampling_count": 30}, [S], 5),
        ({"sampling_count": 5}, [F] + [S] * 5, 5),
    ],
)
def test_success_that_can_change_nothing_needs_no_lock(
    options: dict[str, int], before: list[Verdict], total: int
) -> None:
    """Nothing bad is in the window, or enough good that one more only lowers the ratios."""
    breaker = make(*before, **options)
    with breaker._lock:
        feed(breaker, S, S, S)
        feed(breaker, S, now=0.9)
    snapshot = breaker.snapshot(0.9)
    assert (CLOSED, 0, total) == (snapshot.state, snapshot.consecutive, snapshot.total)


def test_success_is_judged_again_once_a_bucket_has_left_the_window() -> None:
    """Successes that leave raise the ratio of the failures that stay."""
    breaker = make(*[S] * 30)
    feed(breaker, *[F] * 20, *[S] * 20, now=1.0)
    assert CLOSED is breaker.state
    feed(breaker, S, now=9.9)
    assert CLOSED is breaker.state
    feed(breaker, *[F] * 19, now=9.9)
    feed(breaker, *[S] * 10, now=9.9)
    assert (CLOSED, 100) == (breaker.state, breaker.snapshot(9.9).total)
    feed(breaker, S, now=10.0)
    assert (OPEN, 500) == (breaker.state, breaker.cause)


def test_success_is_judged_again_once_a_snapshot_has_moved_the_window() -> None:
    """A thread that is late with a success does not pass by what a reader has dropped."""
    breaker = make(*[S] * 30)
    feed(breaker, *[F] * 20, S, now=9.9)
    feed(breaker, S, now=9.9)
    assert 52 == breaker.snapshot(9.9).total
    assert 22 == breaker.snapshot(10.0).total
    feed(breaker, S, now=9.9)
    assert OPEN is breaker.state


def test_failure_is_judged_with_the_successes_before_it() -> None:
    """Those counted without the lock are in the window by then."""
    breaker = make(*[S] * 19)
    feed(breaker, *[F] * 18)
    assert CLOSED is breaker.state
    feed(breaker, F)
    assert OPEN is breaker.state


def test_success_ends_a_row_of_failures() -> None:
    """It may not pass by the count of the row, however many successes are in the window."""
    breaker = make(*[S] * 30, consecutive_failures=2)
    feed(breaker, F, S, S, F, S, S, F)
    assert (CLOSED, 1) == (breaker.state, breaker.snapshot(0.0).consecutive)
    feed(breaker, F)
    assert OPEN is breaker.state


def test_failure_among_few_outcomes_keeps_successes_judged() -> None:
    """Each may be the one that reaches the minimum."""
    breaker = make(*[F] * 10, *[S] * 9)
    assert CLOSED is breaker.state
    feed(breaker, S)
    assert OPEN is breaker.state


def test_clock_set_back_by_a_window_starts_it_afresh() -> None:
    """A success does not stay in a bucket that time will not reach for long."""
    breaker = make()
    feed(breaker, S, S, now=3600.0)
    feed(breaker, S, now=3591.0)
    assert 3 == breaker.snapshot(3591.0).total
    feed(breaker, S, S, now=3600.0)
    feed(breaker, S, now=3590.9)
    assert 1 == breaker.snapshot(3590.9).total


def test_counted_successes_are_the_state_of_a_cache() -> None:
    """A count window that has been passed through forgets an escalation."""
    breaker = make(sampling_count=4, consecutive_failures=1)
    feed(breaker, F)
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    breaker.record(epoch, S, 5.0)
    feed(breaker, *[S] * 4, now=5.0)
    assert not breaker.forgettable(5.0)
    feed(breaker, S, now=5.0)
    assert breaker.forgettable(5.0)


def test_success_of_an_epoch_that_ends_meanwhile_is_not_counted() -> None:
    """The state changes between the look at the epoch and the addition."""
    breaker = make(S)

    def change() -> None:
        breaker.isolate()
        breaker.reset(0.0)
        feed(breaker, S)

    feed(breaker, S, now=at(0.0, change))
    assert (CLOSED, 1) == (breaker.state, breaker.snapshot(0.0).total)


def test_success_that_is_late_to_be_added_is_not_counted_twice() -> None:
    """Others that were taken into the window before it come back with none of them."""

    class Late(list[int]):
        def __setitem__(self, index: Any, value: Any) -> None:
            assert 4 == breaker.snapshot(0.0).total
            super().__setitem__(index, value)

    breaker = make(*[S] * 4)
    breaker._successes = Late(breaker._successes)
    feed(breaker, S)
    assert 4 <= breaker.snapshot(0.0).total <= 5


@pytest.mark.parametrize("begin", [lambda breaker: breaker.reset(0.0), Breaker.renew])
def test_epoch_begins_with_nothing(begin: Callable[[Breaker], None]) -> None:
    """What was counted and not yet in the window is forgotten with what was."""
    breaker = make(*[S] * 4)
    begin(breaker)
    feed(breaker, S, S, now=1.0)
    assert 2 == breaker.snapshot(1.0).total


@pytest.fixture
def _eager_switching() -> Iterator[None]:
    """Let threads interrupt each other as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_eager_switching")
@pytest.mark.parametrize("options", [{}, {"sampling_count": 10_000}])
def test_threads_lose_no_failure_and_invent_no_success(options: dict[str, int]) -> None:
    """Successes may be lost when two are counted at once, and nothing else."""
    breaker = make(failure_ratio=None, **options)
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        for number in range(2000):
            feed(breaker, F if number % 50 == 49 else S, now=number / 500)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work) for _ in range(4)]:
            future.result(60.0)
    snapshot = breaker.snapshot(4.0)
    assert 160 == snapshot.failures
    assert 160 < snapshot.total <= 8000
