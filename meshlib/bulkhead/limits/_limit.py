"""What a limit is, and the one that never changes."""

from __future__ import annotations

import math
from typing import Protocol


class Limit(Protocol):
    """
    How many calls may be in flight, by what was measured of those that have ended.

    Not thread-safe: whoever owns it holds a lock. Never blocks, and has no clock.
    """

    @property
    def idle(self) -> bool:
        """Whether nothing but drops is of interest now: other samples change nothing."""

    @property
    def limit(self) -> int:
        """Calls that may be in flight now; 1 or more."""

    def sample(self, now: float, rtt: float, in_flight: int, dropped: bool) -> None:
        """
        Learn of a call that ended at *now* after *rtt* seconds.

        *in_flight* counts the call itself. *dropped*: it found no answer in time, or was
        rejected further on; its *rtt* then says nothing, or only "at least". Calls that
        were cancelled or rejected here are no samples.
        """

    def renew(self) -> None:
        """A forked child keeps what was learned, and forgets samples that are not done."""


class FixedLimit:
    """A limit that is known, and that nothing changes."""

    __slots__ = ("limit",)
    idle = True

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def sample(self, now: float, rtt: float, in_flight: int, dropped: bool) -> None:
        """Learn nothing."""

    def renew(self) -> None:
        """Nothing was learned."""


def is_duration(seconds: float) -> bool:
    """Whether *seconds* were measured: a clock that jumps gives others, and they are no sample."""
    return 0.0 < seconds < math.inf
