"""An average over many samples that starts at once."""

from __future__ import annotations

_WARM_UP = 10
"""Samples of which the plain mean is taken, before the exponential one; Netflix's."""


class Average:
    """
    An exponential average over about *window* samples.

    Netflix concurrency-limits, `ExpAvgMeasurement`: the first ten samples give their mean,
    or the first of them would count for ever; then each counts `2 / (window + 1)`.
    """

    __slots__ = ("_count", "_factor", "_sum", "value")

    def __init__(self, window: int) -> None:
        self._factor = 2.0 / (window + 1)
        self._count = 0
        self._sum = 0.0
        self.value = 0.0
        """The average; 0 before the first sample."""

    def add(self, sample: float) -> float:
        """Take *sample* in and return the average."""
        if self._count < _WARM_UP:
            self._count += 1
            self._sum += sample
            self.value = self._sum / self._count
        else:
            self.value += (sample - self.value) * self._factor
        return self.value
