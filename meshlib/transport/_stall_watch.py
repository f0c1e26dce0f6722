"""
Having a loop tick, on asyncio and on Trio.
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import Context
from typing import Any

from ._stall_log import StallLog
from ._stalls import Here, Stalls
from ._waiting import has_ended


class Watch:
    """Has one loop of asyncio tick while calls are in flight. Used in its own thread."""

    __slots__ = ("_context", "_here", "_loop", "_stalls", "log")

    def __init__(self, stalls: Stalls, here: Here, loop: Any, threshold: float) -> None:
        self._stalls = stalls
        self._here = here
        self._loop = loop
        self.log = StallLog(threshold)
        self._context = Context()  # or a timer would hold that of the call which began it

    def is_here(self) -> bool:
        """Whether its loop is the one that runs now."""
        return self._loop is _running()

    def outlives(self, other: Watch) -> bool:
        """Whether there is still something to know beside *other*, a new one."""
        return self._loop is not other._loop and not has_ended(self._loop)

    def start(self, now: float) -> None:
        """Begin to tick."""
        self.log.start(now)
        self._loop.call_later(self.log.period, self.tick, context=self._context)

    def tick(self) -> None:
        """The loop runs."""
        if self.ticked():
            self._loop.call_later(self.log.period, self.tick, context=self._context)

    def ticked(self) -> bool:
        """Note that the loop runs; whether another tick is to follow."""
        stalls, here = self._stalls, self._here
        stalled = self.log.tick(stalls.clock())
        current = here.watch is self and stalls.here is here
        goes_on = current and stalls.busy()
        if goes_on:
            self.log.start(stalls.clock())
        elif current:
            here.asleep = True
        stalls.note(stalled if current else 0.0, self.log.ended)
        return goes_on


class TrioWatch(Watch):
    """Has a run of Trio tick, in a task that does not keep the run from ending."""

    __slots__ = ()

    def start(self, now: float) -> None:
        """Begin to tick."""
        import trio

        self.log.start(now)
        trio.lowlevel.spawn_system_task(self._run, context=self._context)

    async def _run(self) -> None:
        import trio

        goes_on = True
        while goes_on:
            await trio.sleep(self.log.period)
            goes_on = self.ticked()


def watch_here(stalls: Stalls, here: Here, threshold: float) -> Watch | None:
    """The watch over the loop of this thread; None when none runs."""
    loop = _running()
    if loop is None:
        return None
    watch = here.watch
    if watch is not None and watch.is_here() and watch.log.threshold == threshold:
        return watch
    kind = Watch if isinstance(loop, asyncio.AbstractEventLoop) else TrioWatch
    return kind(stalls, here, loop, threshold)


def _running() -> object | None:
    """The loop of asyncio, or the token of a run of Trio, around the code that asks."""
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
