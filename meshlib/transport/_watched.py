"""
A body that is read by an instant, with one timer for all its chunks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

_INFINITE = float("inf")


async def watched(stream: Any, seconds: float, error: type[Exception]) -> AsyncIterator[bytes]:
    """
    The chunks of *stream*, in a loop of asyncio; *error* when *seconds* have passed.

    The wait for a chunk is cut off at that instant, what the reader does between two
    chunks is not.
    """
    chunks = aiter(stream)
    watch = _Watch(seconds)
    try:
        while True:
            if watch.expired:
                raise error("timed out")
            watch.task = asyncio.current_task()
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if watch.was_it():
                    raise error("timed out") from None
                raise
            finally:
                watch.leave()
            yield chunk
    finally:
        if watch.timer is not None:
            watch.timer.cancel()


class _Watch:
    """Cancels whichever task waits for a chunk when time is up."""

    __slots__ = ("cancelling", "expired", "task", "timer", "victim")

    def __init__(self, seconds: float) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.victim: asyncio.Task[Any] | None = None
        self.cancelling = 0
        self.expired = False
        self.timer = None
        if seconds != _INFINITE:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(max(seconds, 0.0), self._expire)

    def _expire(self) -> None:
        self.expired = True
        if self.task is not None:
            self.victim = self.task
            self.cancelling = self.task.cancelling()
            self.task.cancel()

    def was_it(self) -> bool:
        """Whether a cancellation is this one's, and nobody else asked for it too."""
        victim, self.victim = self.victim, None
        return victim is not None and victim.uncancel() <= self.cancelling

    def leave(self) -> None:
        """Nobody waits for a chunk now; a cancellation that was swallowed is taken back."""
        self.task = None
        if self.victim is not None:
            self.victim.uncancel()
            self.victim = None
