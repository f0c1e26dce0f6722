"""Defects that other Python bulkheads have, each reproduced there and absent here."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from meshlib.bulkhead import Bulkhead, BulkheadOptions, Waiter


class LoopWaiter:
    """An event of one loop that any thread may set, as the driver's is."""

    def __init__(self) -> None:
        """Belong to the running loop."""
        self.loop = asyncio.get_running_loop()
        self.event = asyncio.Event()

    def set(self) -> None:
        """Wake the task in its own loop."""
        self.loop.call_soon_threadsafe(self.event.set)


@pytest.fixture(autouse=True)
def _eager_switching() -> Iterator[None]:
    """Let threads interrupt each other as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


class Gauge:
    """Counts how many hold a permit, independently of the bulkhead."""

    def __init__(self) -> None:
        """Begin with nobody inside."""
        self.lock = threading.Lock()
        self.inside = 0
        self.most = 0
        self.done = 0

    def enter(self) -> None:
        """Count one in."""
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def leave(self) -> None:
        """Count one out."""
        with self.lock:
            self.inside -= 1
            self.done += 1


def call_in_thread(bulkhead: Bulkhead, gauge: Gauge) -> None:
    """Take a permit, waiting as the blocking driver does, and give it back."""
    if not bulkhead.try_acquire():
        event = threading.Event()
        assert bulkhead.enqueue(event)
        assert event.wait(30.0)
    gauge.enter()
    gauge.leave()
    bulkhead.release()


async def call_in_task(bulkhead: Bulkhead, gauge: Gauge) -> None:
    """Take a permit, waiting as the asynchronous driver does, and give it back."""
    if not bulkhead.try_acquire():
        waiter = LoopWaiter()
        assert bulkhead.enqueue(waiter)
        try:
            await waiter.event.wait()
        except asyncio.CancelledError:
            if bulkhead.abandon(waiter):
                bulkhead.release()
            raise
    gauge.enter()
    try:
        await asyncio.sleep(0)
    finally:
        gauge.leave()
        bulkhead.release()


def test_cancelled_waiter_leaks_no_permit() -> None:
    """hyx loses a permit for every queued task that is cancelled."""

    async def main() -> None:
        assert bulkhead.try_acquire()
        tasks = [asyncio.create_task(call_in_task(bulkhead, gauge)) for _ in range(20)]
        await asyncio.sleep(0)
        assert 20 == bulkhead.queued
        for task in tasks[::2]:
            task.cancel()
        bulkhead.release()
        # The permit is granted to a task that is cancelled before it can run.
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    bulkhead, gauge = Bulkhead(BulkheadOptions(max_concurrency=1)), Gauge()
    asyncio.run(main())
    assert (0, 0, 9, 1) == (bulkhead.in_flight, bulkhead.queued, gauge.done, gauge.most)


def test_one_count_over_threads_and_loops() -> None:
    """
    Others count per loop, reject without reason, or fail in the second loop.

    interlock, aioresilience and grelmicro raise RuntimeError, pyresilience rejects 35 of
    80 calls, nopanic admits its limit once for each loop.
    """

    async def many() -> None:
        await asyncio.gather(*(call_in_task(bulkhead, gauge) for _ in range(20)))

    bulkhead, gauge = Bulkhead(BulkheadOptions(max_concurrency=3)), Gauge()
    barrier = threading.Barrier(8)

    def loop() -> None:
        barrier.wait()
        asyncio.run(many())

    def thread() -> None:
        barrier.wait()
        for _ in range(20):
            call_in_thread(bulkhead, gauge)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work) for work in [loop, thread] * 4]:
            future.result(60.0)
    assert 8 * 20 == gauge.done
    assert gauge.most <= 3
    assert bulkhead.peak <= 3
    assert (0, 0, 0) == (bulkhead.in_flight, bulkhead.queued, bulkhead.rejected)


def test_hung_calls_do_not_make_others_time_out() -> None:
    """pyresilience queues behind four hung calls for ever; here the queue has an end."""
    bulkhead = Bulkhead(BulkheadOptions(max_concurrency=4, max_queue=1))
    assert all(bulkhead.try_acquire() for _ in range(4))
    waiter = threading.Event()
    assert bulkhead.enqueue(waiter)
    assert not bulkhead.enqueue(threading.Event())
    assert not bulkhead.abandon(waiter)
    bulkhead.release()
    assert bulkhead.try_acquire()


def test_no_lock_is_held_while_a_waiter_is_set() -> None:
    """pybreaker runs user code under its lock; here `set` may use the bulkhead anywhere."""
    finished: list[bool] = []

    class Curious:
        def set(self) -> None:
            other = threading.Thread(target=bulkhead.try_acquire)
            other.start()
            other.join(timeout=10.0)
            finished.append(not other.is_alive())

    bulkhead = Bulkhead(BulkheadOptions(max_concurrency=1))
    assert bulkhead.enqueue(Curious())
    assert [True] == finished
    assert bulkhead.enqueue(Curious())
    bulkhead.release()
    assert [True, True] == finished
    assert bulkhead.enqueue(Curious())
    bulkhead.resize(BulkheadOptions(max_concurrency=2))
    assert [True, True, True] == finished


def test_giving_up_does_not_walk_over_the_queue() -> None:
    """Thousands that time out together would take quadratic time otherwise."""

    class Unwalkable(OrderedDict[int, Waiter]):
        """Fails when somebody iterates."""

        def __iter__(self) -> Iterator[int]:
            raise AssertionError("walked over the queue")

    bulkhead = Bulkhead(BulkheadOptions(max_concurrency=1))
    bulkhead._waiting = Unwalkable()
    assert bulkhead.try_acquire()
    waiters = [threading.Event() for _ in range(10)]
    for waiter in waiters:
        assert bulkhead.enqueue(waiter)
    for waiter in waiters[3:7]:
        assert not bulkhead.abandon(waiter)
    assert 6 == bulkhead.queued
    bulkhead.release()
    assert [True] + [False] * 9 == [waiter.is_set() for waiter in waiters]
