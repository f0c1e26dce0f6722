"""
Which endpoints fail more than their peers.
"""

from __future__ import annotations

from math import exp

from ._load import Load

_SHARE = 0.1
"""How much one attempt moves the share of an endpoint: it remembers the last ten."""

_MEAN_SHARE = 0.01
"""How much it moves the mean."""

_TOLERATED = 0.05
"""Shares of errors below it are nobody's fault."""

_KEPT = 1024
"""When more endpoints than that have failed, those of which it has faded are forgotten."""


class Aversion:
    """
    Errors of each endpoint against the mean of all: an endpoint that fails fast looks idle.

    What is held against one fades over *fade* seconds. Not thread-safe.
    """

    __slots__ = ("_fade", "_mean", "_shares")

    def __init__(self, fade: float) -> None:
        self._fade = fade
        self._mean = 0.0
        self._shares: dict[Load, tuple[float, float]] = {}

    def note(self, load: Load, failed: bool, now: float) -> None:
        """Take in how an attempt at the endpoint of *load* ended."""
        self._mean += (failed - self._mean) * _MEAN_SHARE
        share = self._share(load, now)
        if failed or share:
            share += (failed - share) * _SHARE
            self._shares[load] = share, now
            if len(self._shares) > _KEPT:
                self._forget_faded(now)

    def is_averse(self, load: Load, now: float) -> bool:
        """Whether it fails twice as often as the mean, and above 5 %."""
        if load not in self._shares:
            return False
        return self._share(load, now) > max(_TOLERATED, 2.0 * self._mean)

    def _share(self, load: Load, now: float) -> float:
        share, at = self._shares.get(load, (0.0, now))
        return share * exp(min(at - now, 0.0) / self._fade)

    def _forget_faded(self, now: float) -> None:
        kept = {load: told for load, told in self._shares.items() if self.is_averse(load, now)}
        self._shares = kept
