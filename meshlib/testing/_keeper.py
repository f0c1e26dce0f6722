"""
Who waits for time, and when it may pass: once everybody who runs has come to wait.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from typing import Any

from .._clock import monotonic
from ._threads import frames, in_background, some_import

_POLL = 0.0005
"""Real seconds between two looks at threads that do not say whether they run."""
_LOOK = 2 * _POLL
"""Most real seconds of standing still that one look proves: later, nobody may have run."""
_LOADING = 2.0
"""Real seconds for which one who imports a module may stand still: it waits for a disk."""


class Waiting:
    """A thread that waits until *deadline*, or until something else wakes it first."""

    __slots__ = ("deadline", "foreground", "number", "pending", "settle", "wake")

    def __init__(
        self,
        deadline: float,
        *,
        pending: Callable[[], bool],
        wake: Callable[[], object],
        foreground: bool = True,
        settle: float = 0.0,
    ) -> None:
        self.deadline = deadline
        self.pending = pending
        """Whether it has been woken already, and will go on as soon as it can."""
        self.wake = wake
        self.foreground = foreground
        self.settle = settle
        self.number = 0


class Keeper:
    """
    The instant of virtual time, and a thread that moves it on.

    Threads that wait for time say so. Of the others, the only thing to be known is whether
    they stand still; one that does for *settle* real seconds is taken to wait for
    something. *patience* is that time for threads that were begun by `run`, for those of
    a mesh, whose first steps are imports, until they were seen to stand where they do, and
    for a pass that only the background of a mesh asks for: no code under test waits then.

    Thread-safe. One waiter is woken at a time, the earliest deadline first.
    """

    def __init__(self, now: float, *, settle: float, patience: float) -> None:
        self.now = now
        self.closed = False
        self.declared: set[int] = set()
        """Threads begun by `run`."""
        self.absent: set[int] = set()
        """Threads that wait for those."""
        self._settle = settle
        self.patience = patience
        self._numbers = itertools.count()
        self.renew()

    def renew(self) -> None:
        """A forked child has none of its parent's threads."""
        self.changed = threading.Condition()
        self.waiting: dict[int, Waiting] = {}
        self._settled: dict[int, tuple[int, int]] = {}
        self.held = 0
        self._turn = 0
        self._thread: threading.Thread | None = None

    def enter(self, waiting: Waiting) -> bool:
        """This thread waits; False when time no longer passes here."""
        with self.changed:
            if self.closed:
                return False
            waiting.number = next(self._numbers)
            self.waiting[threading.get_ident()] = waiting
            self._turn += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="virtual-time", daemon=True)
                self._thread.start()
            self.changed.notify_all()
        return True

    def leave(self) -> None:
        """This thread runs again."""
        ident = threading.get_ident()
        if ident in self.waiting:
            with self.changed:
                if self.waiting.pop(ident, None) is not None:
                    self._turn += 1

    def close(self) -> None:
        """Let everybody go, and time pass no more."""
        with self.changed:
            self.closed = True
            waiting, self.waiting = self.waiting, {}
            self.changed.notify_all()
        for each in waiting.values():
            each.wake()

    def _keep(self) -> None:
        """Move on for ever; the only code that changes `now`."""
        still: Any = None
        stood = looked = 0.0
        while True:
            with self.changed:
                while not self.closed and (self.held or self._next() is None):
                    self.changed.wait()
                if self.closed:
                    return
                others = self._others()
                seen = others, self._turn
                now = monotonic()
                if seen != still or self._pending():
                    still, stood = seen, 0.0
                else:
                    stood += min(now - looked, _LOOK)
                looked = now
                if (
                    not self._pending()
                    and stood >= self._needed(others)
                    and (stood >= _LOADING or not some_import(others))
                ):
                    self._settled = others
                    self._pass()
                    still = None
                    continue
                self.changed.wait(_POLL)

    def _next(self) -> tuple[int, Waiting] | None:
        # Caller must hold the lock.
        finite = [each for each in self.waiting.items() if each[1].deadline < math.inf]
        return min(finite, key=lambda each: (each[1].deadline, each[1].number), default=None)

    def _pending(self) -> bool:
        return any(each.pending() for each in self.waiting.values())

    def _others(self) -> dict[int, tuple[int, int]]:
        """Where each thread stands that does not wait for time."""
        me = threading.get_ident()
        return {
            ident: (id(frame), frame.f_lasti)
            for ident, frame in frames().items()
            if ident != me and ident not in self.waiting and ident not in self.absent
        }

    def _needed(self, others: dict[int, Any]) -> float:
        """Real seconds for which *others* must have stood still."""
        settle = max((each.settle for each in self.waiting.values()), default=0.0)
        main = threading.main_thread().ident
        asked = main not in others or any(
            each.foreground and each.deadline < math.inf for each in self.waiting.values()
        )
        moved = {ident for ident, place in others.items() if self._settled.get(ident) != place}
        begins = any(t.ident in moved and in_background(t.name) for t in threading.enumerate())
        if not asked or begins or not self.declared.isdisjoint(others):
            return self.patience
        return max(settle, self._settle if others else 0.0)

    def _pass(self) -> None:
        # Caller must hold the lock.
        found = self._next()
        assert found is not None
        ident, waiting = found
        del self.waiting[ident]
        self._turn += 1
        self.now = max(self.now, waiting.deadline)
        waiting.wake()
