"""A bulkhead whose limit follows what it is told of attempts."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from meshlib.bulkhead import Bulkhead, BulkheadOptions


def bulkhead_of(adaptive: Any = "aimd", **rest: Any) -> Bulkhead:
    """A bulkhead with options as a document has them."""
    options = BulkheadOptions.model_validate({"adaptive": adaptive, **rest})
    return Bulkhead(options, rng=random.Random(1))


def taken(bulkhead: Bulkhead) -> int:
    """How many permits can be had, and are taken."""
    count = 0
    while bulkhead.try_acquire():
        count += 1
    return count


def seconds(bulkhead: Bulkhead, begin: int, count: int, **rest: Any) -> None:
    """As many windows of twenty attempts each, with every permit taken."""
    for second in range(begin, begin + count):
        for number in range(20):
            bulkhead.observe(second + number / 20, 0.1, **rest)


def test_limit_is_the_adaptive_one() -> None:
    """The first calls have what the algorithm begins with, not `max_concurrency`."""
    bulkhead = bulkhead_of()
    assert 20 == bulkhead.max_concurrency == taken(bulkhead)


def test_limit_grows_while_attempts_do_well() -> None:
    """One more permit for each window, and whoever waits gets it."""
    bulkhead = bulkhead_of()
    assert 20 == taken(bulkhead)
    waiter = threading.Event()
    assert bulkhead.enqueue(waiter)
    seconds(bulkhead, 0, 1)
    assert not waiter.is_set()
    seconds(bulkhead, 1, 1)
    assert waiter.is_set()
    assert 21 == bulkhead.max_concurrency == bulkhead.in_flight
    seconds(bulkhead, 2, 5)
    assert 26 == bulkhead.max_concurrency
    assert 5 == taken(bulkhead)


def test_limit_falls_when_attempts_are_dropped() -> None:
    """Nobody is cut off; permits given back are not handed out until the limit is kept."""
    bulkhead = bulkhead_of({"aimd": {"initial": 100}})
    assert 100 == taken(bulkhead)
    seconds(bulkhead, 0, 3, dropped=True)
    assert 81 == bulkhead.max_concurrency
    assert 100 == bulkhead.in_flight
    for _ in range(19):
        bulkhead.release()
        assert not bulkhead.try_acquire()
    bulkhead.release()
    assert bulkhead.try_acquire()


def test_max_concurrency_caps_it() -> None:
    """What the document allows is the most, whatever was measured."""
    bulkhead = bulkhead_of(max_concurrency=22)
    taken(bulkhead)
    seconds(bulkhead, 0, 20)
    assert 22 == bulkhead.max_concurrency


def test_no_limit_is_no_limit() -> None:
    """`max_concurrency: null` switches the algorithm off, too."""
    bulkhead = bulkhead_of(max_concurrency=None)
    assert bulkhead.adaptive is None
    assert bulkhead.max_concurrency is None
    seconds(bulkhead, 0, 2)
    assert all(bulkhead.try_acquire() for _ in range(300))


def test_without_options_nothing_is_learned() -> None:
    """What is observed moves no fixed limit."""
    bulkhead = Bulkhead(BulkheadOptions(max_concurrency=3, adaptive=None))
    bulkhead.observe(0.0, 9.0, dropped=True)
    assert bulkhead.adaptive is None
    assert 3 == bulkhead.max_concurrency == taken(bulkhead)


def test_new_options_keep_what_was_learned() -> None:
    """Unless the algorithm's own have changed, or it was switched off in between."""
    bulkhead = bulkhead_of()
    taken(bulkhead)
    seconds(bulkhead, 0, 10)
    assert 29 == bulkhead.max_concurrency
    bulkhead.resize(BulkheadOptions.model_validate({"adaptive": "aimd", "max_wait": 5}))
    assert 29 == bulkhead.max_concurrency
    bulkhead.resize(BulkheadOptions.model_validate({"adaptive": {"aimd": {"max": 150}}}))
    assert 20 == bulkhead.max_concurrency
    bulkhead.resize(BulkheadOptions(max_concurrency=7, adaptive=None))
    assert bulkhead.adaptive is None
    assert 7 == bulkhead.max_concurrency


def test_forked_child_keeps_the_limit() -> None:
    """No call is in flight in it, and half a window of the parent does not count."""
    bulkhead = bulkhead_of()
    taken(bulkhead)
    seconds(bulkhead, 0, 11)
    bulkhead.renew()
    assert (0, 30) == (bulkhead.in_flight, bulkhead.max_concurrency)
    assert 30 == taken(bulkhead)


@pytest.mark.parametrize("kind", ["aimd", "gradient2", "envoy_gradient"])
def test_fifty_threads_lose_no_permit(kind: str) -> None:
    """While the limit moves under them, all permits come back and the bounds are kept."""
    settings: dict[str, Any] = {"min": 2, "max": 9}
    bulkhead = bulkhead_of({kind: settings})
    barrier = threading.Barrier(50)

    def work(number: int) -> None:
        barrier.wait()
        for call in range(100):
            if bulkhead.try_acquire():
                now = number / 50 + call
                bulkhead.observe(now, 0.01 * (1 + call % 9), dropped=call % 13 == 0)
                bulkhead.release()

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(work, range(50)))
    assert (0, 0) == (bulkhead.in_flight, bulkhead.queued)
    assert bulkhead.peak <= 9
    assert 2 <= taken(bulkhead) <= 9
