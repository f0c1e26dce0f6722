"""What may happen between two steps that `try_acquire` and `release` make without the lock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from meshlib.bulkhead import Bulkhead, BulkheadOptions


class Interrupted(deque[None]):
    """Permits that let other threads go ahead once, right before one is moved or after."""

    def __init__(
        self,
        held: deque[None],
        *,
        before_append: Callable[[], object] | None = None,
        after_append: Callable[[], object] | None = None,
        before_pop: Callable[[], object] | None = None,
        after_empty: Callable[[], object] | None = None,
    ) -> None:
        """Take over the permits of *held*."""
        super().__init__(held)
        self.before_append = before_append
        self.after_append = after_append
        self.before_pop = before_pop
        self.after_empty = after_empty

    def append(self, item: None) -> None:
        """Append, with the interruptions."""
        before, self.before_append = self.before_append, None
        if before is not None:
            before()
        super().append(item)
        after, self.after_append = self.after_append, None
        if after is not None:
            after()

    def pop(self) -> None:  # type: ignore[override]  # of the right end, as here always
        """Pop, with the interruptions."""
        before, self.before_pop = self.before_pop, None
        if before is not None:
            before()
        try:
            super().pop()
        except IndexError:
            after, self.after_empty = self.after_empty, None
            if after is not None:
                after()
            raise


def make(limit: int, taken: int) -> Bulkhead:
    """Return a bulkhead for *limit* calls, *taken* of them in flight."""
    bulkhead = Bulkhead(BulkheadOptions(max_concurrency=limit))
    assert all(bulkhead.try_acquire() for _ in range(taken))
    return bulkhead


def free(bulkhead: Bulkhead) -> int:
    """Count the permits that can be had, by taking them."""
    count = 0
    while bulkhead.try_acquire():
        count += 1
    return count


def test_waiter_is_set_when_it_queues_just_before_the_permit_is_free() -> None:
    """It found no permit and the release saw no waiter: the second look sees it."""
    bulkhead = make(1, 1)
    first, second = threading.Event(), threading.Event()

    def queue() -> None:
        assert bulkhead.enqueue(first)
        assert bulkhead.enqueue(second)
        assert not first.is_set()

    bulkhead._free = Interrupted(bulkhead._free, before_append=queue)
    bulkhead.release()
    assert (True, False) == (first.is_set(), second.is_set())
    assert (1, 1) == (bulkhead.in_flight, bulkhead.queued)
    bulkhead.release()
    assert second.is_set()
    bulkhead.release()
    assert (0, 1) == (bulkhead.in_flight, free(bulkhead))


def test_waiter_is_set_when_the_permit_is_free_just_after_it_looked() -> None:
    """It says that it waits before it looks, so the release hands the permit on."""
    bulkhead = make(1, 1)
    lock: Any = threading.RLock()  # the release below is made by this thread, too
    bulkhead._lock = lock
    waiter = threading.Event()
    bulkhead._free = Interrupted(bulkhead._free, after_empty=bulkhead.release)
    assert bulkhead.enqueue(waiter)
    assert (True, 1, 0) == (waiter.is_set(), bulkhead.in_flight, bulkhead.queued)


def test_nobody_overtakes_a_waiter_that_missed_a_permit() -> None:
    """Between the two looks of a release the permit is free, but not for those who come now."""
    bulkhead = make(1, 1)
    first, second = threading.Event(), threading.Event()

    def come_later() -> None:
        assert not bulkhead.try_acquire()
        assert bulkhead.enqueue(second)

    bulkhead._free = Interrupted(
        bulkhead._free, before_append=lambda: bulkhead.enqueue(first), after_append=come_later
    )
    bulkhead.release()
    assert (True, False) == (first.is_set(), second.is_set())
    assert (1, 1) == (bulkhead.in_flight, bulkhead.queued)


def test_nobody_overtakes_the_queue_while_waiting_for_the_lock() -> None:
    """It was empty when the call looked first; a release between its looks left a permit."""
    options = BulkheadOptions(max_concurrency=2)
    bulkhead, waiter = make(2, 1), threading.Event()

    class Interrupting:
        def __enter__(self) -> None:
            bulkhead._lock = threading.Lock()
            assert bulkhead.try_acquire()
            assert bulkhead.enqueue(waiter)
            bulkhead._free.append(bulkhead._taken.pop())

        def __exit__(self, *exc: object) -> None:
            pass

    lock: Any = Interrupting()
    bulkhead._lock = lock
    assert not bulkhead.try_acquire()
    bulkhead.resize(options)  # looks again, as that release is about to
    assert (True, 2) == (waiter.is_set(), bulkhead.in_flight)


def test_waiter_is_set_once_when_it_queues_just_after_the_permit_is_free() -> None:
    """It takes the permit itself, and the release has nothing left to hand out."""
    bulkhead = make(1, 1)
    waiter = threading.Event()
    bulkhead._free = Interrupted(bulkhead._free, after_append=lambda: bulkhead.enqueue(waiter))
    bulkhead.release()
    assert (True, 1, 0) == (waiter.is_set(), bulkhead.in_flight, bulkhead.queued)
    bulkhead.release()
    assert (0, 1) == (bulkhead.in_flight, free(bulkhead))


def test_permit_stays_free_when_the_waiter_gives_up_meanwhile() -> None:
    """Who queued and left again is owed nothing."""
    bulkhead = make(1, 1)
    waiter = threading.Event()

    def come_and_go() -> None:
        assert bulkhead.enqueue(waiter)
        assert not bulkhead.abandon(waiter)

    bulkhead._free = Interrupted(bulkhead._free, before_append=come_and_go)
    bulkhead.release()
    assert not waiter.is_set()
    assert (0, 1) == (bulkhead.in_flight, free(bulkhead))


def test_no_lock_is_needed_once_the_queue_is_left() -> None:
    """Who gave up slows nobody down."""
    bulkhead, waiter = make(1, 1), threading.Event()
    assert bulkhead.enqueue(waiter)
    assert not bulkhead.abandon(waiter)
    with bulkhead._lock:
        bulkhead.release()
        assert bulkhead.try_acquire()


def test_waiter_queues_when_the_free_permit_is_taken_meanwhile() -> None:
    """A call without the lock may be quicker than the one that holds it."""
    bulkhead = make(1, 1)
    bulkhead.release()
    waiter = threading.Event()
    bulkhead._free = Interrupted(
        bulkhead._free, before_pop=lambda: pytest.fail("late") if free(bulkhead) != 1 else None
    )
    assert bulkhead.enqueue(waiter)
    assert (False, 1, 1) == (waiter.is_set(), bulkhead.in_flight, bulkhead.queued)
    bulkhead.release()
    assert waiter.is_set()


def test_release_too_many_is_ignored_while_the_only_permit_is_on_its_way_back() -> None:
    """It hands on nothing, as nothing is in flight, though somebody waits."""
    bulkhead = make(1, 1)
    waiter = threading.Event()

    def queue_and_release() -> None:
        assert bulkhead.enqueue(waiter)
        bulkhead.release()
        assert not waiter.is_set()

    bulkhead._free = Interrupted(bulkhead._free, before_append=queue_and_release)
    bulkhead.release()
    assert (True, 1) == (waiter.is_set(), bulkhead.in_flight)
    bulkhead.release()
    assert 1 == free(bulkhead)


def test_last_permit_goes_to_one_call_only() -> None:
    """A call that looked before another took it gets none, or one that was never used."""
    for limit, granted in ((1, False), (2, True)):
        bulkhead = make(limit, 1)
        bulkhead.release()
        bulkhead._free = Interrupted(bulkhead._free, before_pop=bulkhead.try_acquire)
        assert granted is bulkhead.try_acquire()
        assert (limit, limit) == (bulkhead.in_flight, bulkhead.peak)


def test_permit_that_is_handed_on_never_lies_free() -> None:
    """Otherwise a call that looked at the queue when it was empty could overtake it."""

    class Untouchable(deque[None]):
        def append(self, item: None) -> None:
            raise AssertionError("free for all")

    bulkhead = make(1, 1)
    waiters = [threading.Event() for _ in range(3)]
    assert all(bulkhead.enqueue(waiter) for waiter in waiters)
    bulkhead._free = Untouchable()
    for _ in waiters:
        bulkhead.release()
    assert all(waiter.is_set() for waiter in waiters)


def test_limit_that_shrinks_during_a_release_holds_after_it() -> None:
    """The permit that was on its way back is one too many by then."""
    bulkhead = make(3, 3)
    narrow = BulkheadOptions(max_concurrency=2)
    bulkhead._free = Interrupted(bulkhead._free, before_append=lambda: bulkhead.resize(narrow))
    bulkhead.release()
    assert (2, 0) == (bulkhead.in_flight, free(bulkhead))
    bulkhead.release()
    assert 1 == free(bulkhead)


def test_limit_that_shrinks_holds_for_free_permits_too() -> None:
    """What is free beyond the new limit is gone, and comes back with a wider one."""
    bulkhead = make(4, 4)
    for _ in range(3):
        bulkhead.release()
    bulkhead.resize(BulkheadOptions(max_concurrency=2))
    assert (1, 1) == (bulkhead.in_flight, free(bulkhead))
    bulkhead.resize(BulkheadOptions(max_concurrency=3))
    assert (1, 3, 4) == (free(bulkhead), bulkhead.in_flight, bulkhead.peak)
    bulkhead.resize(BulkheadOptions(max_concurrency=5))
    assert (2, 5, 5) == (free(bulkhead), bulkhead.in_flight, bulkhead.peak)
