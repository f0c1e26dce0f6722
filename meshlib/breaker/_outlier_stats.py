"""What outlier detection keeps of one endpoint, and what a sweep reports."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

_NEVER = -math.inf  # one for all: each `-math.inf` is another object

Key = TypeVar("Key", bound=Hashable)


class OutlierStats:
    """
    Outcomes of one endpoint, and whether it is ejected.

    The owner adds 1 to `total` and then, for a success, 1 to `successes`, under a lock
    of its own, and never resets them. A sweep only reads them and judges what was added
    since the sweep before, so the two need no common lock. `ejected` may be read freely.
    """

    __slots__ = (
        "ejected",
        "ejected_at",
        "multiplier",
        "readmitted_at",
        "seen_successes",
        "seen_total",
        "successes",
        "total",
    )

    def __init__(self) -> None:
        self.successes = 0
        self.total = 0
        self.ejected = False
        self.ejected_at = _NEVER
        self.readmitted_at = _NEVER
        self.multiplier = 0
        """How many base ejection times the next ejection is longer than nothing."""
        self.seen_successes = 0
        self.seen_total = 0

    def close_interval(self) -> tuple[int, int]:
        """Return successes and total since the last time, and begin a new interval."""
        # In this order: a success is added after its total, so none is ahead of its total.
        successes, total = self.successes, self.total
        interval = total - self.seen_total
        # One outcome may fall between the two readings of the interval before.
        succeeded = min(successes - self.seen_successes, interval)
        self.seen_successes, self.seen_total = successes, total
        return succeeded, interval


@dataclass(frozen=True, slots=True)
class SweepResult(Generic[Key]):
    """
    What one sweep did, each as the owner's key.

    *ejected* holds key, reason and seconds; *would_eject* the same in shadow mode.
    *readmitted* are picked again. *overflowed* would have been ejected, with the reason,
    if not too many were out already. Reasons: `success_rate`, `failure_ratio`.
    """

    ejected: list[tuple[Key, str, float]]
    readmitted: list[Key]
    would_eject: list[tuple[Key, str, float]]
    overflowed: list[tuple[Key, str]]
