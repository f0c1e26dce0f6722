"""
What the targets that left a service have done, so that its counters never fall.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ._target import Target


class Totals(NamedTuple):
    """Counts of a service beside those of the targets it has now. Immutable."""

    attempts: int = 0
    retries: int = 0
    failures: int = 0
    draining: tuple[Target, ...] = ()
    """Targets that left with attempts in flight, whose counts still grow."""

    def without(self, gone: Iterable[Target]) -> Totals:
        """The totals once the targets in *gone* have left, too."""
        attempts, retries, failures, draining = self
        kept: list[Target] = []
        for target in (*draining, *gone):
            if target.load.in_flight:
                kept.append(target)
            else:
                attempts += target.attempts
                retries += target.retries
                failures += target.failures
        return Totals(attempts, retries, failures, tuple(kept))
