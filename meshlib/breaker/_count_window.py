"""The last so many outcomes, however long they took to come in."""

from __future__ import annotations

import math

_FAILED = 1
_SLOW = 2


class CountWindow:
    """
    Counts failures and slow calls among the last *size* outcomes.

    A ring of one byte an outcome; each one overwrites the oldest. It looks at no clock,
    so failures of an hour ago count until enough calls have followed them.

    Not thread-safe: its owner holds a lock.
    """

    __slots__ = ("_at", "_lapped", "_ring", "failures", "since", "slow", "total", "until")

    def __init__(self, size: int) -> None:
        self._ring = bytearray(size)
        self._at = self.total = self.failures = self.slow = 0
        self.clear()

    def succeed(self, now: float) -> None:
        """Count a success that was not slow."""
        self.add(now, False, False)

    def succeed_often(self, times: int) -> None:
        """
        Count *times* successes that came while there was nothing else in the window.

        All are alike then, so where they are in the ring makes no difference.
        """
        total = self.total + times
        if total > len(self._ring):
            self._lapped = True
            total = len(self._ring)
        self.total = total

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count any outcome; *now* is not looked at."""
        ring, at = self._ring, self._at
        if self.total == len(ring):
            self._lapped = True
            old = ring[at]
            self.failures -= old & _FAILED
            self.slow -= old >> 1
        else:
            self.total += 1
        ring[at] = failed * _FAILED | slow * _SLOW
        self.failures += failed
        self.slow += slow
        at += 1
        self._at = at if at < len(ring) else 0
        self.until = -math.inf if self.failures or self.slow else math.inf

    def advance(self, now: float) -> None:
        """Nothing ages here."""

    def covered(self, since: float, now: float) -> bool:
        """Whether more than *size* outcomes came in since `clear`."""
        return self._lapped

    def clear(self) -> None:
        """Forget every outcome."""
        self._ring = bytearray(len(self._ring))
        self._at = 0
        self._lapped = False
        self.since = -math.inf
        """From here to `until` a success changes nothing but `total`: always, or never."""
        self.until = math.inf
        self.total = 0
        self.failures = 0
        self.slow = 0
