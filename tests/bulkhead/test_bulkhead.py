"""Permits, the queue for them, and changes of both."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib import bulkhead as package
from meshlib.bulkhead import Bulkhead, BulkheadOptions


class Waiter:
    """Counts how often it was set, and tells a log in which order."""

    def __init__(self, name: str = "", log: list[str] | None = None) -> None:
        """Remember where to tell."""
        self.name = name
        self.times = 0
        self.log = [] if log is None else log

    def set(self) -> None:
        """Count."""
        self.times += 1
        self.log.append(self.name)

    def __eq__(self, other: object) -> bool:
        """All are equal, so that only identity can tell them apart."""
        return isinstance(other, Waiter)

    __hash__ = None  # type: ignore[assignment]  # nor may a hash be needed


class DeadWaiter(Waiter):
    """A waiter whose event loop is closed."""

    def set(self) -> None:
        """Fail."""
        raise RuntimeError("Event loop is closed")


def make(**options: Any) -> Bulkhead:
    """Return a bulkhead for one call at a time, unless said otherwise."""
    return Bulkhead(BulkheadOptions(**{"max_concurrency": 1, **options}))


def full(queued: int = 0, **options: Any) -> tuple[Bulkhead, list[Waiter], list[str]]:
    """Return a full bulkhead, *queued* waiters in its queue, and their log."""
    bulkhead = make(**options)
    while bulkhead.try_acquire():
        pass
    log: list[str] = []
    waiters = [Waiter(str(number), log) for number in range(queued)]
    for waiter in waiters:
        assert bulkhead.enqueue(waiter)
    return bulkhead, waiters, log


def test_permits_up_to_the_limit() -> None:
    """The call after the last permit gets none, until one is released."""
    bulkhead = make(max_concurrency=2)
    assert [True, True, False] == [bulkhead.try_acquire() for _ in range(3)]
    assert (2, 2, 0) == (bulkhead.in_flight, bulkhead.peak, bulkhead.queued)
    bulkhead.release()
    assert (1, 2) == (bulkhead.in_flight, bulkhead.peak)
    assert bulkhead.try_acquire()
    assert not bulkhead.try_acquire()


def test_limits_are_the_options() -> None:
    """Drivers read them from the bulkhead; the defaults are those of the document."""
    bulkhead = Bulkhead()
    assert (1000, 1000, 1.0) == (bulkhead.max_concurrency, bulkhead.max_queue, bulkhead.max_wait)


def test_counts_only_without_a_limit() -> None:
    """Everybody passes, and in flight and peak are still told."""
    bulkhead = make(max_concurrency=None)
    assert all(bulkhead.try_acquire() for _ in range(5000))
    bulkhead.release()
    assert (None, 4999, 5000) == (bulkhead.max_concurrency, bulkhead.in_flight, bulkhead.peak)


def test_released_permit_goes_to_the_first_in_the_queue() -> None:
    """In the order they came, each once, and the count never drops in between."""
    bulkhead, waiters, log = full(3)
    assert 3 == bulkhead.queued
    for number in range(3):
        bulkhead.release()
        assert [str(n) for n in range(number + 1)] == log
        assert (1, 2 - number) == (bulkhead.in_flight, bulkhead.queued)
    bulkhead.release()
    assert 0 == bulkhead.in_flight
    assert [1, 1, 1] == [waiter.times for waiter in waiters]


def test_nobody_overtakes_the_queue() -> None:
    """Right after a release the permit is the waiter's, not the next caller's."""
    bulkhead, _, log = full(2)
    bulkhead.release()
    assert not bulkhead.try_acquire()
    assert ["0"] == log


def test_queue_has_an_end() -> None:
    """A full queue refuses, and tells how often."""
    bulkhead, _, log = full(2, max_queue=2)
    assert not bulkhead.enqueue(Waiter("3", log))
    assert not bulkhead.enqueue(Waiter("4", log))
    assert (2, 2) == (bulkhead.queued, bulkhead.rejected)
    bulkhead.release()
    assert bulkhead.enqueue(Waiter("5", log))
    assert ["0"] == log


def test_no_queue_refuses_at_once() -> None:
    """With `max_queue` 0 nobody waits."""
    bulkhead, _, _ = full(max_queue=0)
    assert not bulkhead.enqueue(Waiter())
    assert 1 == bulkhead.rejected


@pytest.mark.parametrize("max_queue", [0, 10])
def test_permit_that_came_free_is_granted_at_once(max_queue: int) -> None:
    """Between `try_acquire` and `enqueue` a call may end: nobody would wake the waiter."""
    bulkhead, _, _ = full(max_queue=max_queue)
    bulkhead.release()
    waiter = Waiter()
    assert bulkhead.enqueue(waiter)
    assert (1, 1, 0, 1) == (waiter.times, bulkhead.in_flight, bulkhead.queued, bulkhead.peak)
    assert not bulkhead.try_acquire()


def test_abandoning_leaves_the_queue() -> None:
    """Who gives up is passed over and owns nothing."""
    bulkhead, waiters, log = full(3)
    assert not bulkhead.abandon(waiters[0])
    assert not bulkhead.abandon(waiters[1])
    assert (1, 2) == (bulkhead.queued, bulkhead.abandoned)
    bulkhead.release()
    assert ["2"] == log
    bulkhead.release()
    assert 0 == bulkhead.in_flight


def test_abandoning_too_late_owns_the_permit() -> None:
    """The permit came while the wait was cancelled: it is the caller's to release."""
    bulkhead, waiters, log = full(2)
    bulkhead.release()
    assert bulkhead.abandon(waiters[0])
    assert (1, 0) == (bulkhead.in_flight, bulkhead.abandoned)
    bulkhead.release()
    assert ["0", "1"] == log


def test_release_of_nothing_is_ignored() -> None:
    """A call that a forked child inherited ends there too, and must not widen the limit."""
    bulkhead = make()
    bulkhead.release()
    assert 0 == bulkhead.in_flight
    assert bulkhead.try_acquire()
    assert not bulkhead.try_acquire()


def test_waiter_that_cannot_be_set_passes_the_permit_on() -> None:
    """Its loop is closed: the next one gets the permit, and it owns nothing itself."""
    bulkhead, _, log = full()
    dead = [DeadWaiter(), DeadWaiter()]
    bulkhead.enqueue(dead[0])
    bulkhead.enqueue(dead[1])
    bulkhead.enqueue(Waiter("alive", log))
    bulkhead.release()
    assert (["alive"], 1, 0) == (log, bulkhead.in_flight, bulkhead.queued)
    assert not bulkhead.abandon(dead[0])
    assert not bulkhead.abandon(dead[1])
    assert 0 == bulkhead.abandoned
    bulkhead.release()
    assert 0 == bulkhead.in_flight


def test_permit_is_free_when_the_last_waiter_cannot_be_set() -> None:
    """Nothing leaks when nobody is left to take it."""
    bulkhead, _, _ = full()
    bulkhead.enqueue(DeadWaiter())
    bulkhead.release()
    assert 0 == bulkhead.in_flight
    assert bulkhead.enqueue(DeadWaiter())
    assert 0 == bulkhead.in_flight


def test_wider_limit_wakes_those_who_now_fit() -> None:
    """First come, first served, and the others stay in the queue."""
    bulkhead, _, log = full(4)
    bulkhead.resize(BulkheadOptions(max_concurrency=3, max_queue=7, max_wait=2.0))
    assert ["0", "1"] == log
    assert (3, 3, 2) == (bulkhead.in_flight, bulkhead.peak, bulkhead.queued)
    assert (3, 7, 2.0) == (bulkhead.max_concurrency, bulkhead.max_queue, bulkhead.max_wait)
    bulkhead.resize(BulkheadOptions(max_concurrency=None))
    assert ["0", "1", "2", "3"] == log
    assert (5, 0) == (bulkhead.in_flight, bulkhead.queued)
    assert bulkhead.try_acquire()


def test_narrower_limit_lets_calls_end() -> None:
    """Permits are handed on only once the new limit holds; the queue is not cut."""
    bulkhead, _, log = full(2, max_concurrency=3)
    bulkhead.resize(BulkheadOptions(max_concurrency=1, max_queue=1))
    assert (3, 2) == (bulkhead.in_flight, bulkhead.queued)
    assert not bulkhead.enqueue(Waiter())
    bulkhead.release()
    bulkhead.release()
    assert ([], 1) == (log, bulkhead.in_flight)
    bulkhead.release()
    assert (["0"], 1) == (log, bulkhead.in_flight)


def test_renewed_bulkhead_is_empty() -> None:
    """Calls and waiters of the parent are not the child's; limits and totals are."""
    bulkhead, waiters, log = full(2, max_queue=2)
    bulkhead.enqueue(DeadWaiter())
    assert bulkhead._lock.acquire()
    bulkhead.renew()
    assert (0, 0, 0, 1) == (bulkhead.in_flight, bulkhead.queued, bulkhead.peak, bulkhead.rejected)
    assert bulkhead.try_acquire()
    bulkhead.release()
    assert [] == log
    assert [0, 0] == [waiter.times for waiter in waiters]


def test_options_have_sensible_ranges() -> None:
    """No calls at all is not a limit."""
    for wrong in ({"max_concurrency": 0}, {"max_queue": -1}, {"max_wait": -1}):
        with pytest.raises(ConfigurationError):
            BulkheadOptions(**wrong)
    assert 0.25 == BulkheadOptions.model_validate({"max_wait": "250ms"}).max_wait


def test_all_is_sorted_and_complete() -> None:
    """The public names of the package."""
    assert sorted(package.__all__) == package.__all__
    assert all(hasattr(package, name) for name in package.__all__)
