"""
A moving quantile of durations, at a constant cost for each.

Durations are counted in buckets that grow with their value, sixteen to every doubling,
as in HdrHistogram. Two windows take turns: one is filled while the other is remembered,
and both are read together.
"""

from __future__ import annotations

from math import frexp

_STEPS = 16
_LOWEST_EXPONENT = -20
_HIGHEST_EXPONENT = 10
_LOWEST = 2.0 ** (_LOWEST_EXPONENT - 1)
_HIGHEST = 2.0**_HIGHEST_EXPONENT
_BUCKETS = (_HIGHEST_EXPONENT - _LOWEST_EXPONENT + 1) * _STEPS


def _bucket(seconds: float) -> int:
    if not seconds > _LOWEST:  # also not a number
        return 0
    if seconds >= _HIGHEST:
        return _BUCKETS - 1
    mantissa, exponent = frexp(seconds)
    # The mantissa is in [0.5, 1): its place among the steps of this doubling.
    return (exponent - _LOWEST_EXPONENT) * _STEPS + int(mantissa * 2 * _STEPS) - _STEPS


def _upper_edge(bucket: int) -> float:
    octave, step = divmod(bucket, _STEPS)
    return float((_STEPS + step + 1) / (2 * _STEPS) * 2.0 ** (octave + _LOWEST_EXPONENT))


class MovingQuantile:
    """
    The *quantile* of the durations of the last *window* to 2 x *window* seconds.

    `value` is the upper edge of the bucket in which the quantile of these durations
    lies: never below it, and at most 1/16 (6.25 %) above. That holds between 0.5 us and
    1024 s; shorter and longer durations count as these.

    A window does not end before it holds *minimum* durations, so that a service with few
    calls remembers them for longer instead of knowing nothing.

    Not thread-safe: the owner holds its own lock.
    """

    __slots__ = (
        "_began",
        "_count",
        "_counts",
        "_last",
        "_last_count",
        "_minimum",
        "_quantile",
        "_window",
    )

    def __init__(self, quantile: float, *, window: float, minimum: int) -> None:
        self._quantile = quantile
        self._window = window
        self._minimum = minimum
        self._began: float | None = None
        self._counts = [0] * _BUCKETS
        self._count = 0
        self._last = [0] * _BUCKETS
        self._last_count = 0

    @property
    def count(self) -> int:
        """How many durations `value` would be computed from."""
        return self._count + self._last_count

    def add(self, seconds: float, now: float) -> None:
        """Count a duration that ended at *now*."""
        began = self._began
        if began is None or now < began:
            self._began = now
        elif self._count >= self._minimum and now - began >= self._window:
            self._turn(now)
        self._counts[_bucket(seconds)] += 1
        self._count += 1

    def value(self) -> float | None:
        """Compute the quantile; None with fewer than *minimum* durations. Reads all buckets."""
        if self.count < self._minimum:
            return None
        # The smallest duration that at least this share of them does not exceed. The
        # addend makes up for 1 - 0.9 being a little below 0.1.
        above = self.count * (1.0 - self._quantile) + 1e-9
        bucket = _BUCKETS - 1
        seen = self._counts[bucket] + self._last[bucket]
        while seen <= above:
            bucket -= 1
            seen += self._counts[bucket] + self._last[bucket]
        return _upper_edge(bucket)

    def _turn(self, now: float) -> None:
        self._last, self._counts = self._counts, self._last
        self._last_count, self._count = self._count, 0
        self._counts[:] = [0] * _BUCKETS
        self._began = now
