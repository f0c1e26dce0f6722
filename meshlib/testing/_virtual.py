"""Time that passes at once, when everybody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import anyio

from .._fork import survive_fork
from ._keeper import Keeper, Waiting
from ._loops import AsyncioLoop, TrioLoop, current_loop, take

_WALL = 1_767_225_600.0
"""2026-01-01T00:00:00Z; a date that is the same in every run."""


class VirtualTime:
    """
    A clock for `Mesh(clock=...)` whose seconds pass as soon as everybody waits for them.

    What waits on it are calls of a mesh (delays, back-offs, queues, deadlines, hedges),
    `sleep` and `wait` in threads, and whole event loops: the time of a loop, of asyncio or
    Trio, is kept from the first reading of this clock in it, so that `asyncio.sleep`,
    time-outs and the background of a mesh belong to it as well. When nobody runs, time
    jumps to the earliest instant that is waited for, and one waiter goes on.

    Threads that do something else are seen as running until they have stood still for
    *settle* real seconds, in which they could have run; those that `run` begins take part
    exactly, one at a time. Waits of an event loop last longer by a few of the last bits of
    its clock: a nanosecond on a machine that has been up for days.
    Real sockets answer in real time: put a `FakeCluster` in their place.

    Closed, it lets everybody go, and loops go on in real time. Thread-safe.
    """

    def __init__(
        self, *, start: float = 1000.0, wall_start: float = _WALL, settle: float = 0.005
    ) -> None:
        self._keeper = Keeper(start, settle=settle, patience=max(10 * settle, 0.05))
        self._start = start
        self._wall_start = wall_start
        self._loops: dict[int, tuple[object, AsyncioLoop | TrioLoop]] = {}
        survive_fork(self)

    def __call__(self) -> float:
        """The instant, in seconds; from now on the running event loop goes by it."""
        self.keep()
        return self._keeper.now

    def wall(self) -> float:
        """Seconds since the epoch, for `Mesh(wall_clock=...)`."""
        self.keep()
        return self._wall_start + self._keeper.now - self._start

    @property
    def elapsed(self) -> float:
        """Seconds that have passed since the beginning, to the microsecond."""
        return round(self._keeper.now - self._start, 6)

    def keep(self) -> None:
        """Have the running event loop, if there is one, go by this time."""
        loop = current_loop()
        if loop is not None and id(loop) not in self._loops and not self._keeper.closed:
            self._loops[id(loop)] = loop, take(loop, self._keeper)

    def sleep(self, seconds: float) -> None:
        """Block this thread until *seconds* have passed."""
        if seconds > 0:
            self.wait(threading.Event(), seconds)

    async def asleep(self, seconds: float) -> None:
        """Suspend this task until *seconds* have passed."""
        self.keep()
        await anyio.sleep(max(seconds, 0.0))

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Block this thread until *event* is set; set it after *seconds*."""
        keeper = self._keeper
        if event.is_set() or seconds <= 0:
            event.set()
        elif keeper.enter(Waiting(keeper.now + seconds, pending=event.is_set, wake=event.set)):
            event.wait()
            keeper.leave()
        else:
            event.wait(None if seconds == float("inf") else seconds)

    def run(self, *functions: Callable[[], Any]) -> list[Any]:
        """
        Call each of *functions* in a thread of its own; their results, in order.

        They run one at a time, and the next goes on when one waits for time, so that
        what they do is the same in each run. The first that is not done by then raises
        what its function raised.
        """
        keeper = self._keeper
        me = threading.get_ident()
        works = [_Work(function, keeper) for function in functions]
        with keeper.changed:
            keeper.held += 1
            keeper.absent.add(me)
        try:
            try:
                for work in works:
                    work.begin()
            finally:
                with keeper.changed:
                    keeper.held -= 1
                    keeper.changed.notify_all()
            for work in works:
                work.thread.join()
        finally:
            with keeper.changed:
                keeper.absent.discard(me)
        return [work.result() for work in works]

    def renew(self) -> None:
        """A forked child has none of its parent's threads and loops."""
        self._keeper.renew()
        self._loops = {}

    def close(self) -> None:
        """Let everybody go, and loops go on in real time. Idempotent."""
        loops, self._loops = self._loops, {}
        for _, kept in loops.values():
            kept.release()
        self._keeper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<VirtualTime: {self.elapsed:g} s have passed>"


class _Work:
    """One function in a thread that takes part."""

    def __init__(self, function: Callable[[], Any], keeper: Keeper) -> None:
        self._function = function
        self._keeper = keeper
        self._value: Any = None
        self._error: BaseException | None = None
        self._over = False
        self.thread = threading.Thread(target=self._run, name="virtual-time-run", daemon=True)

    def begin(self) -> None:
        """Start, and return when it waits for time, has ended, or stands still elsewhere."""
        keeper = self._keeper
        self.thread.start()
        with keeper.changed:
            keeper.changed.wait_for(
                lambda: self._over or self.thread.ident in keeper.waiting, keeper.patience
            )

    def _run(self) -> None:
        keeper = self._keeper
        ident = threading.get_ident()
        with keeper.changed:
            keeper.declared.add(ident)
        try:
            self._value = self._function()
        except BaseException as exc:
            self._error = exc
        with keeper.changed:
            keeper.declared.discard(ident)
            self._over = True
            keeper.changed.notify_all()

    def result(self) -> Any:
        """What the function returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._value
