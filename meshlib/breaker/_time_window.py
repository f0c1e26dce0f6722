"""
Outcomes of the last seconds, in buckets.

The buckets are aligned to multiples of their width, as in Resilience4j: a window of
5 seconds in 5 buckets holds between 4 and 5 seconds, depending on where in the newest
bucket "now" is.
"""

from __future__ import annotations

import math

_NEVER = -math.inf
_NO_BUCKETS: list[int] = []
"""Of a window in which nothing of a kind has been counted: most hold no failure at all."""


class TimeWindow:
    """
    Counts outcomes over the last *duration* seconds, in *buckets* buckets.

    Old buckets are dropped when a later instant comes in, so nothing runs in between
    and an outcome costs the same however many came before it.

    An instant a little before the newest one counts in the newest bucket: threads read
    the clock before they get here, and may overtake each other. One that lies a whole
    window before it means that the clock was set back, and the window starts afresh.

    Not thread-safe: its owner holds a lock.
    """

    __slots__ = (
        "_at",
        "_buckets",
        "_duration",
        "_failures",
        "_slow",
        "_tick",
        "_totals",
        "_width",
        "failures",
        "since",
        "slow",
        "total",
        "until",
    )

    def __init__(self, duration: float = 10.0, buckets: int = 10) -> None:
        self._duration = duration
        self._width = duration / buckets
        self._buckets = buckets
        self._at = 0
        self._failures: list[int]
        self._slow: list[int]
        self.clear()

    def succeed(self, now: float) -> None:
        """Count a success that was not slow."""
        tick = now // self._width
        if tick != self._tick:
            self._roll(tick)
        self._totals[self._at] += 1
        self.total += 1

    def succeed_often(self, times: int) -> None:
        """Count *times* successes that came between `since` and `until` and were not slow."""
        self._totals[self._at] += times
        self.total += times

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count any outcome."""
        self.succeed(now)
        if failed:
            if not self._failures:
                self._failures = [0] * self._buckets
            self._failures[self._at] += 1
            self.failures += 1
        if slow:
            if not self._slow:
                self._slow = [0] * self._buckets
            self._slow[self._at] += 1
            self.slow += 1

    def advance(self, now: float) -> None:
        """Drop what is too old at *now*, without counting anything."""
        tick = now // self._width
        if tick != self._tick:
            self._roll(tick)

    def covered(self, since: float, now: float) -> bool:
        """Whether a whole window lies between *since* and *now*."""
        return abs(now - since) >= self._duration

    def clear(self) -> None:
        """Forget every outcome."""
        self._totals = _NO_BUCKETS
        self._failures = _NO_BUCKETS
        self._slow = _NO_BUCKETS
        self._tick = _NEVER
        self.since = math.inf
        """From when on an outcome counts in the newest bucket."""
        self.until = _NEVER
        """When the bucket after it begins."""
        self.total = 0
        self.failures = 0
        self.slow = 0

    def _roll(self, tick: float) -> None:
        size = self._buckets
        steps = tick - self._tick
        if -size < steps < 0:
            return
        if not 0 < steps < size:
            self.clear()
            self._totals = [0] * size
            steps = 0
        for _ in range(int(steps)):
            at = self._at = (self._at + 1) % size
            self.total -= self._totals[at]
            self._totals[at] = 0
            if self._failures:
                self.failures -= self._failures[at]
                self._failures[at] = 0
            if self._slow:
                self.slow -= self._slow[at]
                self._slow[at] = 0
        self._tick = tick
        self.since = (tick - size + 1) * self._width
        self.until = (tick + 1) * self._width
