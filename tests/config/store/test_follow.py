"""Following a key whose store comes and goes, and waiting for one from a thread."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import anyio
import pytest

from meshlib import StoreError
from meshlib.config.store import MemoryStore, Stored, StoreKey, follow, run_blocking
from meshlib.discovery import Timing
from support import FakeClock


class Scripted(MemoryStore):
    """A store whose watches say what a test wrote down, one list each."""

    def __init__(self, *watches: list[Any]) -> None:
        super().__init__()
        self._watches = list(watches)

    async def watch(self, key: str) -> AsyncIterator[Stored | None]:
        """The next list."""
        for one in self._watches.pop(0):
            if isinstance(one, Exception):
                raise one
            yield one


async def test_a_store_that_is_away_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """The pauses grow and are never alike; what was there before is not told anew."""
    one, two = Stored(b"one", 1), Stored(b"two", 2)
    away = StoreError("no answer", store="there")
    store = Scripted(
        [one, away],
        *[[away]] * 8,
        [RuntimeError("of a library")],
        [one, two, Stored(b"two", 3), None],
        [two],
    )
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    timing = Timing(clock=FakeClock(), sleep=sleep, rng=random.Random(1))
    seen = []
    with caplog.at_level(logging.INFO, "meshlib"):
        async with aclosing(cast("Any", follow(StoreKey(store, "k"), _timing=timing))) as contents:
            async for stored in contents:
                seen.append(stored)
                if len(seen) == 4:
                    break
    assert [one, two, None, two] == seen
    first = "process:k cannot be followed, and is tried again: there: no answer"
    again = "process:k cannot be followed, and is tried again: its watch ended"
    told = [record.getMessage() for record in caplog.records]
    assert [first, "process:k can be read again", again, "process:k can be read again"] == told
    for pause, base in zip(pauses, [0.5, 1, 2, 4, 8, 15, 15, 15, 15, 15, 0.5], strict=True):
        assert base <= pause <= base * 1.5
    assert len(set(pauses)) == len(pauses)


async def test_memory_wakes_watchers_of_other_threads() -> None:
    """A change in one thread is seen on the loop of another."""
    key = StoreKey(MemoryStore(), "k")
    async with aclosing(cast("Any", key.follow())) as contents:
        assert await anext(contents) is None
        thread = threading.Thread(
            target=lambda: run_blocking(key.compare_and_set, b"one", None, timeout=30.0)
        )
        thread.start()
        with anyio.fail_after(30.0):
            assert b"one" == (await anext(contents)).content
        await anyio.to_thread.run_sync(thread.join)


def test_a_forked_child_has_the_memory_for_itself() -> None:
    """What was locked in the parent is not locked in the child."""
    store = MemoryStore()
    with store._lock:
        child = os.fork()
        if child == 0:  # pragma: no cover -- in a process without a tracer
            os._exit(0 if store._lock.acquire(blocking=False) else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    store.renew()
    assert run_blocking(store.compare_and_set, "k", b"one", None, timeout=30.0)


def test_blocking_returns_and_raises() -> None:
    """Whether or not a loop runs in this thread already."""

    async def fails() -> None:
        raise StoreError("no")

    async def on_a_loop() -> None:
        assert run_blocking(MemoryStore().get, "k", timeout=30.0) is None

    asyncio.run(on_a_loop())
    with pytest.raises(StoreError):
        run_blocking(fails, timeout=30.0)


def test_blocking_ends_in_time() -> None:
    """Also with what cannot be cancelled, which is left to itself."""
    with pytest.raises(TimeoutError):
        run_blocking(anyio.sleep_forever, timeout=0.01)
    release = threading.Event()

    async def stuck() -> None:
        release.wait(30.0)

    with pytest.raises(TimeoutError):
        run_blocking(stuck, timeout=-0.9)
    release.set()
