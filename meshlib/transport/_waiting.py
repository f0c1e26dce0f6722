"""
Something to wait for that any thread may set.

The policies hand permits over by calling `set` on whatever the driver queued, from
whichever thread or event loop the permit came free in.
"""

from __future__ import annotations

import asyncio
import threading
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import anyio
import sniffio

from .._clock import Clock

_INFINITE = float("inf")
RUNNING = sniffio.thread_local
"""Trio sets its `name` while it runs; asking for a running asyncio loop takes a system call."""


class Waiter:
    """
    Blocks a thread until `set`, or for some seconds of *clock*. Thread-safe.

    A clock that is a `Timekeeper` ends the wait itself; any other is the machine's.
    """

    __slots__ = ("_event", "_granted", "_keep")

    def __init__(self, clock: Clock) -> None:
        self._event = threading.Event()
        self._granted = False
        self._keep = getattr(clock, "wait", None)

    @staticmethod
    def loop() -> object:
        """What connections belong to: threads share them."""
        return None

    def set(self) -> None:
        """Let the waiter go on."""
        self._granted = True
        self._event.set()

    def shut_down(self) -> None:
        """Let the waiter go on, because its attempt lost a race of hedges."""
        self.set()

    def wait(self, seconds: float) -> bool:
        """Whether `set` was called within *seconds*."""
        if self._keep is not None:
            self._keep(self._event, seconds)
            return self._granted
        return self._event.wait(None if seconds == _INFINITE else max(seconds, 0.0))


class AsyncWaiter:
    """
    Suspends a task until `set`, or for some seconds.

    Made in the task's own event loop; `set` may be called from any thread, which is what
    an `anyio.Event` does not allow. It waits by the time of its event loop.
    """

    __slots__ = ("_call_soon", "_event")

    def __init__(self, clock: Clock) -> None:
        self._event = anyio.Event()
        self._call_soon = loop_caller()

    @staticmethod
    def loop() -> object:
        """What connections belong to: the event loop that runs now."""
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            import trio

            return trio.lowlevel.current_trio_token()

    def set(self) -> None:
        """Let the waiter go on."""
        try:
            self._call_soon(self._event.set)
        except RuntimeError:
            pass  # its loop is closed: nobody waits any more

    async def wait(self, seconds: float) -> bool:
        """Whether `set` was called within *seconds*."""
        with anyio.move_on_after(max(seconds, 0.0)):
            await self._event.wait()
        return self._event.is_set()


def loop_caller() -> Callable[..., Any]:
    """A function that runs another one in the current event loop, callable from any thread."""
    if sniffio.current_async_library() == "trio":
        import trio

        return trio.lowlevel.current_trio_token().run_sync_soon
    return asyncio.get_running_loop().call_soon_threadsafe


def has_ended(loop: Any) -> bool:
    """Whether *loop*, from `AsyncWaiter.loop`, can run nothing any more."""
    if loop is None:
        return False
    if hasattr(loop, "is_closed"):
        return bool(loop.is_closed())
    try:
        loop.run_sync_soon(int, idempotent=True)  # Trio tells only those who try
    except RuntimeError:
        return True
    return False


@types.coroutine
def bounded(
    coroutine: Coroutine[Any, Any, Any], seconds: float, error: type[Exception]
) -> Generator[Any, Any, Any]:
    """
    The result of *coroutine*, or *error* when it takes longer than *seconds*.

    An AnyIO cancel scope costs more than all decisions of a call, so on asyncio a bare
    timer does its work, and only for what really suspends.
    """
    if RUNNING.name == "trio":  # its scope must be there before anything suspends
        return (yield from _scoped(coroutine, seconds, error).__await__())
    try:
        waited = coroutine.send(None)
    except StopIteration as done:
        return done.value
    return (yield from timed(coroutine, waited, seconds, error))


async def _scoped(
    coroutine: Coroutine[Any, Any, Any], seconds: float, error: type[Exception]
) -> Any:
    with anyio.move_on_after(max(seconds, 0.0)):
        return await coroutine
    raise error("timed out")


def timed(
    coroutine: Coroutine[Any, Any, Any],
    waited: Any,
    seconds: float,
    error: type[Exception],
) -> Generator[Any, Any, Any]:
    """
    Go on with *coroutine*, which has suspended on *waited*, until a timer cancels its task.

    Follows `asyncio.timeout`: a cancellation that nobody else asked for becomes *error*.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task(loop)
    assert task is not None
    cancelling = task.cancelling()
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = None if seconds == _INFINITE else loop.call_later(max(seconds, 0.0), expire)
    try:
        while True:
            try:
                value = yield waited
            except BaseException as exc:
                waited = coroutine.throw(exc)
            else:
                waited = coroutine.send(value)
    except StopIteration as done:
        if expired:
            task.uncancel()  # it swallowed the timer's cancellation, and so must we
        return done.value
    except asyncio.CancelledError:
        if expired and task.uncancel() <= cancelling:
            raise error("timed out") from None
        raise
    except BaseException:
        if expired:
            task.uncancel()  # it made an error of its own out of the cancellation
        raise
    finally:
        if timer is not None:
            timer.cancel()
