"""Threads that take permits, wait for them, give up and give them back, all at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from meshlib.bulkhead import Bulkhead, BulkheadOptions

THREADS, CALLS = 4, 20_000


def free(bulkhead: Bulkhead) -> int:
    """Count the permits that can be had, by taking them."""
    count = 0
    while bulkhead.try_acquire():
        count += 1
    return count


@pytest.fixture
def _eager_switching() -> Iterator[None]:
    """Let threads interrupt each other as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


class Crowd:
    """Threads that take permits and give them back, and count who holds one."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        """Begin with nobody inside."""
        self.bulkhead = bulkhead
        self.barrier = threading.Barrier(THREADS)
        self.lock = threading.Lock()
        self.inside = self.most = self.waited = self.gave_up = 0

    def wait(self, patient: bool) -> bool:
        """Queue for a permit, and wait or leave at once; True with a permit."""
        event = threading.Event()
        assert self.bulkhead.enqueue(event)
        self.waited += 1
        if patient:
            assert event.wait(60.0), "nobody woke this waiter"
            return True
        if self.bulkhead.abandon(event):
            return True
        self.gave_up += 1
        return False

    def work(self, number: int) -> None:
        """Make calls; every fifth that has to wait gives up."""
        self.barrier.wait()
        for call in range(CALLS):
            if not self.bulkhead.try_acquire() and not self.wait((call + number) % 5 > 0):
                continue
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            with self.lock:
                self.inside -= 1
            self.bulkhead.release()

    def run(self) -> None:
        """Let all threads work to their end."""
        with ThreadPoolExecutor(THREADS) as pool:
            for future in [pool.submit(self.work, number) for number in range(THREADS)]:
                future.result(120.0)


@pytest.mark.usefixtures("_eager_switching")
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_no_permit_is_lost_or_invented_by_threads(limit: int) -> None:
    """All waiters are set, no more calls than the limit run, and all permits come back."""
    bulkhead = Bulkhead(BulkheadOptions(max_concurrency=limit))
    crowd = Crowd(bulkhead)
    crowd.run()
    assert 0 < crowd.most <= limit
    assert bulkhead.peak <= limit
    assert limit > 1 or crowd.waited
    assert (0, 0, 0) == (bulkhead.in_flight, bulkhead.queued, bulkhead.rejected)
    assert limit == free(bulkhead)


@pytest.mark.usefixtures("_eager_switching")
def test_no_permit_is_lost_or_invented_without_a_limit() -> None:
    """Everybody passes, and the count returns to nothing."""
    bulkhead = Bulkhead(BulkheadOptions(max_concurrency=None))
    crowd = Crowd(bulkhead)
    crowd.run()
    assert (0, 0) == (bulkhead.in_flight, crowd.waited)
    assert crowd.most <= bulkhead.peak <= THREADS


@pytest.mark.usefixtures("_eager_switching")
def test_no_permit_is_lost_or_invented_while_limits_change() -> None:
    """The last limit holds in the end, whatever was in flight when it came."""
    bulkhead = Bulkhead(BulkheadOptions(max_concurrency=2))
    crowd = Crowd(bulkhead)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(crowd.run)
        limit = 0
        while not running.done():
            limit = limit % 3 + 1
            bulkhead.resize(BulkheadOptions(max_concurrency=limit, max_queue=10))
        running.result()
    assert 0 < crowd.most <= 3
    assert (0, 0) == (bulkhead.in_flight, bulkhead.queued)
    assert limit == free(bulkhead)
