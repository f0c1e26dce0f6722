"""
When the next call of a load is due.
"""

from __future__ import annotations

import threading

_LAG = 1.0
"""Seconds that a load may lag behind and still catch up; what is older is left out."""

_ALIKE = 1e-6
"""Seconds too few to wait: a sum of many steps is not exact, and a clock may not show them."""


class Pace:
    """
    So many calls a second, the first at once. Thread-safe.

    Calls that could not be made in time are made up for within a second. What is later is
    missed, so that a load that was held up does not come as a burst; but it was due, and
    whoever wanted it got nothing, so it counts as a call that was not good.
    """

    __slots__ = ("_interval", "_lock", "_missed", "_next")

    def __init__(self, rate: float, now: float) -> None:
        self._lock = threading.Lock()
        self._interval = 1.0 / rate
        self._next = now
        self._missed: list[float] = []

    def claim(self, now: float) -> float:
        """0 when a call is due, which is the caller's to make; else the seconds until one is."""
        with self._lock:
            if self._next > now + _ALIKE:
                return self._next - now
            while self._next < now - _LAG:
                self._missed.append(self._next)
                self._next += self._interval
            self._next += self._interval
            return 0.0

    def missed(self) -> list[float]:
        """When calls were due that were missed, since this was last asked."""
        with self._lock:
            found, self._missed = self._missed, []
            return found
