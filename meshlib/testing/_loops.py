"""
Event loops whose time is virtual: asyncio's own ones, and Trio.

A loop that has nothing to do waits in its selector. There it is made to say until when,
and to wait for events alone; virtual time wakes it when that instant has come.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
from collections.abc import Callable
from typing import Any

from .._exceptions import ConfigurationError
from ._keeper import Keeper, Waiting
from ._threads import in_background

_SOCKETS = 0.02
"""Real seconds that a loop with sockets is given: what comes from them takes real time."""


def _foreground() -> bool:
    # What a mesh does in its background, such as checks, must not drive time by itself.
    return not in_background(threading.current_thread().name)


def _beyond(now: float, left: float) -> float:
    """
    *left*, and a little more, which is too little to be told from *now* by a loop.

    Whoever waits computes the end on one clock and waits on another one, which differs in
    its offset and so in its rounding. Woken too early by the last bit, it would wait for
    a time so short that it does not change the loop's clock, again and again for ever.
    """
    return left + 4 * math.ulp(now)


class AsyncioLoop:
    """
    Puts an asyncio loop, the one that runs now, under a keeper's time.

    Its own clock goes on from where it is, before and afterwards.
    """

    def __init__(self, loop: Any, keeper: Keeper) -> None:
        self._loop = loop
        self._keeper = keeper
        selector = getattr(loop, "_selector", None)
        if selector is None:
            raise ConfigurationError(
                f"the time of {type(loop).__module__}.{type(loop).__name__} cannot be virtual",
                path="time",
                hint="run the test on asyncio's own event loop, or in real time",
            )
        self._selector: Any = selector
        self._foreground = _foreground()
        self._real_time: Callable[[], float] = loop.time
        self._real_select: Callable[[float | None], Any] = selector.select
        self._offset = loop.time() - keeper.now
        self._resolution: float = loop._clock_resolution
        self._loop.time = self._time
        self._loop._clock_resolution = math.ulp(self._time())  # timers end by so much early
        self._selector.select = self._select

    def _time(self) -> float:
        return float(self._keeper.now + self._offset)

    def _select(self, timeout: float | None = None) -> Any:
        events = self._real_select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        now = self._keeper.now
        waiting = Waiting(
            float("inf") if timeout is None else now + _beyond(now + self._offset, timeout),
            pending=self._pending,
            wake=self._wake,
            foreground=self._foreground,
            # One is the loop's own, through which other threads wake it.
            settle=_SOCKETS if len(self._selector.get_map() or ()) > 1 else 0.0,
        )
        if not self._keeper.enter(waiting):
            return self._real_select(timeout)
        try:
            return self._real_select(None)
        finally:
            self._keeper.leave()

    def _pending(self) -> bool:
        return bool(self._loop._ready)

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(int)
        except RuntimeError:
            pass  # it is closed, and waits no more

    def release(self) -> None:
        """Give the loop back to real time, without a jump of its clock."""
        ahead = self._time() - self._real_time()
        real = self._real_time
        self._loop.time = lambda: real() + ahead
        self._loop._clock_resolution = self._resolution
        self._selector.select = self._real_select
        self._wake()


class TrioLoop:
    """
    Puts the Trio run of this thread under a keeper's time; is its clock from now on.

    Trio lets a clock be given only to `trio.run`, which a test does not call itself, so
    this exchanges the one of the runner.
    """

    def __init__(self, keeper: Keeper) -> None:
        import trio
        from trio._core._run import GLOBAL_RUN_CONTEXT

        self._keeper: Keeper = keeper
        context: Any = GLOBAL_RUN_CONTEXT
        self._runner = context.runner
        self._token = trio.lowlevel.current_trio_token()
        self._foreground = _foreground()
        self._real = self._runner.clock
        self._ahead = 0.0
        self._released = False
        self._offset = self._real.current_time() - keeper.now
        self._runner.clock = self

    def start_clock(self) -> None:
        """It has been started."""

    def current_time(self) -> float:
        """Trio's instant; asking for it says that the loop runs."""
        if self._released:
            return float(self._real.current_time()) + self._ahead
        self._keeper.leave()
        return float(self._keeper.now + self._offset)

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """How long Trio may wait for events: it begins to, and will be woken."""
        now = self.current_time()
        left = deadline - now
        if self._released or left <= 0:
            return left
        waiting = Waiting(
            self._keeper.now + _beyond(now, left),
            pending=self._pending,
            wake=self._wake,
            foreground=self._foreground,
        )
        return float("inf") if self._keeper.enter(waiting) else left

    def _pending(self) -> bool:
        queue = self._runner.entry_queue
        return bool(queue.queue or queue.idempotent_queue or self._runner.waiting_for_idle)

    def _wake(self) -> None:
        import trio

        try:
            self._token.run_sync_soon(int)
        except trio.RunFinishedError:
            pass  # nobody waits any more

    def release(self) -> None:
        """Give the run back to real time, without a jump of its clock."""
        self._ahead = self.current_time() - float(self._real.current_time())
        self._released = True
        self._wake()


def current_loop() -> object | None:
    """What runs the code that asks: an asyncio loop, the token of a Trio run, or nothing."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    trio = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        token: object = trio.lowlevel.current_trio_token()
    except RuntimeError:
        return None
    return token


def take(loop: Any, keeper: Keeper) -> AsyncioLoop | TrioLoop:
    """Put *loop*, the one that runs now, under the time of *keeper*."""
    if isinstance(loop, asyncio.AbstractEventLoop):
        return AsyncioLoop(loop, keeper)
    return TrioLoop(keeper)
