"""
The stalls of this process's event loops, which make every endpoint look slow.

While calls are in flight a loop is asked to tick; an idle one has no timer. What an attempt
costs on a good day is three comparisons.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._clock import Clock, monotonic
from ..events import Event, LoopStalled

if TYPE_CHECKING:
    from ._stall_watch import Watch

_INFINITE = float("inf")


def _never() -> bool:
    return False


def _ignore(event: Event) -> None:
    """Nobody listens."""


class Here(threading.local):
    """What a thread knows of its loop, where only threads make calls: there is none."""

    asleep = False
    """Whether the loop of this thread is to be asked to tick, if there is one."""
    watch: Watch | None = None


class _Suspending(Here):
    """The same where an attempt may have a loop around it."""

    asleep = True


class Stalls:
    """
    What a mesh knows of the loops that its calls run in.

    *busy* tells whether calls are in flight anywhere, *emit* hears of stalls. Nothing is
    measured without a *threshold*, in seconds, and before `serve`. Thread-safe.
    """

    __slots__ = (
        "_lock", "_serves", "_watches", "alarm", "busy", "clock", "count", "emit", "ended",
        "here", "measures", "seconds", "threshold",
    )  # fmt: skip

    def __init__(
        self,
        threshold: float | None = None,
        *,
        clock: Clock = monotonic,
        busy: Callable[[], bool] = _never,
        emit: Callable[[Event], None] = _ignore,
    ) -> None:
        self.threshold = threshold
        self.clock = clock
        self.busy = busy
        self.emit = emit
        self.count = 0
        """Stalls so far."""
        self.seconds = 0.0
        """How long they were, together."""
        self._serves = False
        self.renew()

    def renew(self) -> None:
        """A forked child has none of its parent's loops."""
        self._lock = threading.Lock()
        self._watches: tuple[Watch, ...] = ()
        self.alarm = _INFINITE
        """After this instant some loop is overdue."""
        self.ended = -_INFINITE
        """When some loop last stood still."""
        self._prepare()

    def serve(self) -> None:
        """Calls will be made in event loops, too."""
        if not self._serves:
            self._serves = True
            self._prepare()

    def take(self, threshold: float | None) -> None:
        """Go by another *threshold* from now on; None ends it."""
        if threshold != self.threshold:
            self.threshold = threshold
            self._prepare()

    def _prepare(self) -> None:
        self.measures = self._serves and self.threshold is not None
        """Whether an attempt asks `here` at all: what is kept by thread is dear to look at."""
        self.here: Here = _Suspending() if self.measures else Here()
        """What this thread knows."""

    # Of attempts

    def wake(self) -> None:
        """An attempt begins: have the loop of this thread tick, if there is one."""
        # Not before there is a client that waits in loops: this imports their libraries.
        from ._stall_watch import watch_here

        here, threshold = self.here, self.threshold
        if threshold is None:
            return
        watch = watch_here(self, here, threshold)
        if watch is None:
            return
        if watch is not here.watch:
            here.watch = watch
            with self._lock:
                self._watches = (*(e for e in self._watches if e.outlives(watch)), watch)
        here.asleep = False
        watch.start(self.clock())
        self.note()

    def overlap(self, since: float, until: float) -> float:
        """Seconds of an attempt in this thread, *until* now, in which its loop stood still."""
        here = self.here
        watch = here.watch
        if watch is None:
            return 0.0
        if not watch.is_here():
            here.asleep, here.watch = True, None  # that loop has ended, and this is another one
            with self._lock:
                self._watches = tuple(each for each in self._watches if each is not watch)
            self.note()
            return 0.0
        return watch.log.overlap(since, until)

    # Of loops

    def note(self, stalled: float = 0.0, ended: float = -_INFINITE) -> None:
        """A log has changed; its loop *stalled* for so long, until it *ended*."""
        with self._lock:
            self.alarm = min((each.log.alarm for each in self._watches), default=_INFINITE)
            if not stalled:
                return
            self.ended = max(self.ended, ended)
            self.count += 1
            self.seconds += stalled
        self.emit(LoopStalled(duration=stalled))


CALM = Stalls()
"""Measures nothing."""
