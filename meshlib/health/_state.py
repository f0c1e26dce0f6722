"""
When a row of results makes an endpoint healthy or unhealthy, and when to look again.
"""

from __future__ import annotations

import random

from ._options import HealthCheckOptions


class CheckState:
    """
    What the checks of one endpoint have found.

    `healthy` is None until the first result, which decides at once. From then on so many
    in a row decide, and one result of the other kind begins the row anew. Pure; not
    thread-safe.
    """

    __slots__ = ("_options", "_since", "_waits", "healthy", "passed", "row")

    def __init__(self, options: HealthCheckOptions) -> None:
        self._options = options
        self._since = 0.0
        self._waits = 0
        self.healthy: bool | None = None
        self.passed: bool | None = None
        """The last result."""
        self.row = 0
        """How many results like the last one have come in a row."""

    def record(self, passed: bool, now: float) -> bool:
        """Count a result; whether `healthy` is another one now."""
        self.row = self.row + 1 if passed is self.passed else 1
        self.passed = passed
        if self.healthy is passed or (self.healthy is not None and self.row < self._needed(passed)):
            return False
        self.healthy = passed
        self._since = now
        self._waits = 0
        return True

    def _needed(self, passed: bool) -> int:
        options = self._options
        return options.healthy_threshold if passed else options.unhealthy_threshold

    def wait(self, now: float, rng: random.Random) -> float:
        """Seconds until the next check; asked once after each result."""
        options = self._options
        if self.passed is not self.healthy:
            seconds = options.edge_interval or options.interval
        elif self.healthy:
            seconds = options.interval
        else:
            seconds = self._quiet(options.unhealthy_interval or options.interval, now)
        return seconds * (1.0 + options.jitter * rng.random())

    def _quiet(self, seconds: float, now: float) -> float:
        options = self._options
        if now - self._since < options.quiet_after or seconds >= options.max_interval:
            return seconds
        # Each step doubles, so after 60 of them any float is beyond any limit.
        self._waits = min(self._waits + 1, 60)
        return min(seconds * 2.0**self._waits, options.max_interval)
