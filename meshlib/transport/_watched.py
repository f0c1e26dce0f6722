"""
A body that is read by an instant, with one timer for all its chunks.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator
from typing import Any

_INFINITE = float("inf")


class Watched:
    """
    The chunks of *stream*, in a loop of asyncio; *error* when *seconds* have passed.

    The wait for a chunk is cut off at that instant, what the reader does between two
    chunks is not. A chunk that is there already costs no look at the task or the time.
    """

    __slots__ = ("_error", "_next", "_watch")

    def __init__(
        self, stream: AsyncIterable[bytes], seconds: float, error: type[Exception]
    ) -> None:
        self._watch = _Watch(seconds)
        self._error = error
        self._next = _steps(aiter(stream))

    def __aiter__(self) -> Watched:
        return self

    @types.coroutine
    def __anext__(self) -> Generator[Any, Any, bytes]:
        watch = self._watch
        if watch.expired:
            raise self._error("timed out")
        step = self._next()
        try:
            waited = step.send(None)
            watch.task = asyncio.current_task()
            while True:
                try:
                    value = yield waited
                except BaseException as exc:
                    waited = step.throw(exc)
                else:
                    waited = step.send(value)
        except StopIteration as done:
            chunk: bytes = done.value
            return chunk
        except asyncio.CancelledError:
            if watch.was_it():
                raise self._error("timed out") from None
            raise
        finally:
            if watch.task is not None:
                watch.leave()

    def __del__(self) -> None:
        if self._watch.timer is not None:
            self._watch.timer.cancel()


def _steps(chunks: AsyncIterator[bytes]) -> Callable[[], Any]:
    """What gives the next chunk, as something with the methods of a coroutine."""
    if isinstance(chunks, types.AsyncGeneratorType):
        return chunks.__anext__

    async def following() -> bytes:
        return await anext(chunks)

    return following


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
