"""
The deadlines of the requests that one asyncio loop serves, watched by one timer.

A timer for each request would cost more than everything else that is done for it. Most
requests end long before their deadline, so this one is set for the nearest and moved when
it rings, not when a request ends.
"""

from __future__ import annotations

import asyncio
import math
from typing import Protocol


class Expiring(Protocol):
    """What has a deadline."""

    def expire(self) -> None:
        """Called once, on the loop, when the deadline has passed."""


class Watch:
    """Made on *loop* and used there alone. Instants are those of the loop's clock."""

    __slots__ = ("_due", "_pending", "_timer", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._pending: dict[Expiring, float] = {}
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, one: Expiring, when: float) -> None:
        """Call `one.expire()` at *when*, unless it is removed before."""
        self._pending[one] = when
        if when < self._due:
            self._set(when)

    def remove(self, one: Expiring) -> None:
        """Forget *one*. Idempotent."""
        self._pending.pop(one, None)

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = self.loop.call_at(when, self._ring)

    def _ring(self) -> None:
        due = self._due
        self._due, self._timer = math.inf, None
        # A loop calls timers up to its clock's resolution early: what it was set for is due.
        now = max(due, self.loop.time())
        expired = [one for one, when in self._pending.items() if when <= now]
        for one in expired:
            del self._pending[one]
            one.expire()
        if self._pending:
            self._set(min(self._pending.values()))
