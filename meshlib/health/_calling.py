"""
Calling functions of others, which may be asynchronous or block.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from typing import Any

import anyio

from .._bell import Bell
from ._checker import CheckFailedError


class Callee:
    """
    A function, async or not.

    One that is not async runs in a thread, which does not keep the process alive. When the
    time is over it is left to itself; until it has ended it is not begun again, so at most
    one hangs. Thread-safe.
    """

    __slots__ = ("_busy", "_function", "_is_async", "_lock")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._is_async = _is_async(function)
        self.renew()

    def renew(self) -> None:
        """A forked child has none of its parent's threads."""
        self._lock = threading.Lock()
        self._busy = False

    async def call(self, *args: Any) -> None:
        """Return when the function passes; raise what it raises, or CheckFailedError."""
        try:
            result = await (self._function(*args) if self._is_async else self._threaded(args))
            if inspect.isawaitable(result):
                result = await result
        except SystemExit as exc:
            raise CheckFailedError(f"it asked the process to exit: {exc}") from exc
        except anyio.get_cancelled_exc_class() as exc:
            if _is_cancelled():
                raise
            raise CheckFailedError("it was cancelled from inside") from exc
        # Functions that have nothing to say return None, and raise when something is wrong.
        if result is not None and not result:
            raise CheckFailedError(f"it returned {result!r:.100}")

    async def _threaded(self, args: tuple[Any, ...]) -> Any:
        with self._lock:
            if self._busy:
                raise CheckFailedError("the call before has not ended yet")
            self._busy = True
        bell, results = Bell(), list[tuple[Any, BaseException | None]]()

        def work() -> None:
            try:
                results.append((self._function(*args), None))
            except BaseException as exc:
                results.append((None, exc))
            with self._lock:
                self._busy = False
            bell.ring()

        # Not AnyIO's threads: on asyncio the interpreter waits for those before it ends.
        run = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(work,), name="meshlib-check", daemon=True)
        try:
            thread.start()
        except BaseException:
            self._busy = False
            raise
        await bell.wait()
        result, error = results[0]
        if error is not None:
            raise error
        return result


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 -- asks what it is, not whether it has one
    )


def _is_cancelled() -> bool:
    """Whether this task is being cancelled, and not only something that it awaited."""
    if anyio.get_cancelled_exc_class() is not asyncio.CancelledError:
        return True  # trio never raises it for anything else
    task = asyncio.current_task()
    return (
        task is None or task.cancelling() > 0 or anyio.current_effective_deadline() == -float("inf")
    )
