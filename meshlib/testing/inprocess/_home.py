"""
The event loop that applications run on: that of the test, or one in a thread for sync clients.

Their tasks belong to the loop and not to whoever began them: a client may be closed in
another task than it was opened in, as the fixtures of some plugins are, and AnyIO's task
groups do not allow that.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import Context
from typing import Any, Self, TypeVar

import anyio.from_thread
import sniffio

from ..._bell import Bell
from ..._surroundings import ambient_clock

T = TypeVar("T")


class Home:
    """An event loop. `submit` may be called from any thread, `spawn` only on the loop."""

    def __init__(self) -> None:
        # Made on the loop itself.
        self.trio = sniffio.current_async_library() == "trio"
        self._loop: Any
        if self.trio:
            import trio

            self._loop = trio.lowlevel.current_trio_token()
        else:
            self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        ambient_clock()()  # a clock that makes time pass keeps the loops that it is read in
        self._tasks: set[asyncio.Task[None]] = set()
        self._portal: contextlib.ExitStack | None = None

    @classmethod
    def in_thread(cls) -> Self:
        """An asyncio loop in a thread of its own, until `leave`."""
        with contextlib.ExitStack() as stack:
            portal = stack.enter_context(anyio.from_thread.start_blocking_portal("asyncio"))
            home = portal.call(cls)
            home._portal = stack.pop_all()
        return home

    def leave(self) -> None:
        """End the thread, if this loop has one; called in another one."""
        if self._portal is not None:
            self._portal.close()

    def refuse_to_block(self) -> None:
        """Raise RuntimeError in a thread that would wait here for itself, or for nobody."""
        if self._thread == threading.get_ident():
            raise RuntimeError(
                "a blocking call would stop the event loop that the applications run on; "
                "use the async client here, and aclose()"
            )
        if not (self.trio or self._loop.is_running()):
            raise RuntimeError("the event loop that the applications run on is not running")

    @property
    def alive(self) -> bool:
        """Whether the loop still runs what it is given."""
        if not self.trio:
            return not self._loop.is_closed()
        try:
            self._loop.run_sync_soon(_nothing, idempotent=True)  # Trio tells only those who try
        except RuntimeError:
            return False
        return True

    def submit(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        """What *function* will have returned or raised on this loop."""
        future: Future[T] = Future()

        async def run() -> None:
            try:
                future.set_result(await function())
            except Exception as exc:
                future.set_exception(exc)
            except BaseException:
                future.cancel()
                raise

        self.run_soon(lambda: self.spawn(run, Context()))
        return future

    def spawn(self, function: Callable[[], Awaitable[None]], context: Context) -> None:
        """Run *function*, which raises nothing, as a task in *context*."""
        if self.trio:
            import trio

            trio.lowlevel.spawn_system_task(function, context=context)
            return
        task: asyncio.Task[None] = self._loop.create_task(_task(function), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def run_soon(self, function: Callable[[], object]) -> None:
        """Call *function* on the loop, from any thread; raises RuntimeError once it has ended."""
        if self.trio:
            self._loop.run_sync_soon(function)
        else:
            # An empty context: by default that of the caller would go along.
            self._loop.call_soon_threadsafe(function, context=Context())


def _nothing() -> None:
    """What a living loop does."""


async def _task(function: Callable[[], Awaitable[None]]) -> None:
    await function()


async def outcome(future: Future[T]) -> T:
    """The result of *future*, waited for on whichever loop this runs on."""
    bell = Bell()
    future.add_done_callback(lambda _: bell.ring())
    while not future.done():
        await bell.wait()
    return future.result()
