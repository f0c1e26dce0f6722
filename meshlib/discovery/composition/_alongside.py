"""
Work that goes on while an async generator waits for its consumer.

A generator must not yield inside a task group or a cancel scope: these belong to the
task that runs it, which meanwhile opens and closes scopes of its own, so they would no
longer nest. What has to go on between two lists therefore runs as a task outside of all
scopes, the one thing for which AnyIO has no call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import anyio
import sniffio

from .._timing import Timing

_LOGGER = logging.getLogger("meshlib")


class Alongside:
    """
    Runs *work* as a task of its own, from `start` to `aclose` on the same event loop.

    Whoever starts it closes it, in `finally`; what *work* raises is logged.
    """

    def __init__(self, work: Callable[[], Awaitable[object]]) -> None:
        self._work = work
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._task: asyncio.Task[None] | None = None
        self.started = False

    def start(self) -> None:
        """Begin. Once only."""
        self.started = True
        if sniffio.current_async_library() == "trio":
            import trio

            trio.lowlevel.spawn_system_task(self._run)
            return
        self._task = asyncio.get_running_loop().create_task(self._run())
        # Also when it is cancelled before its first step, of which `_run` hears nothing.
        self._task.add_done_callback(lambda _: self._ended.set())

    async def aclose(self) -> None:
        """Cancel it and wait until it has ended; does nothing when it was never started."""
        if self.started:
            self._scope.cancel()
            with anyio.CancelScope(shield=True):
                await self._ended.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._work()
        except Exception:
            # On trio it would end the whole program.
            _LOGGER.exception("a task beside a source failed")
        finally:
            self._ended.set()


class News:
    """Says that something happened; several times before it is heard count as one."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._event = anyio.Event()

    def tell(self) -> None:
        """Wake who waits, or the next one who will."""
        self._event.set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait for news, for *seconds* at the most; whether there are any."""
        if seconds is None:
            await self._event.wait()
        else:
            await self._wait(seconds)
        told = self._event.is_set()
        if told:
            self._event = anyio.Event()
        return told

    async def _wait(self, seconds: float) -> None:
        async def expire() -> None:
            await self._timing.sleep(seconds)
            group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(expire)
            await self._event.wait()
            group.cancel_scope.cancel()
