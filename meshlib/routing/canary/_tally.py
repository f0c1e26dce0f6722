"""
When a process ends a block of its calls, and when it tells what they say.
"""

from __future__ import annotations

import random

from ._options import CanaryOptions
from ._report import Report
from ._samples import BLOCK, Samples

_EARLY = 0.75
"""
The part of an interval after which who does not lead ends a block and tells it: so that
whoever leads has it when the check is due.
"""
_RARELY = 0.25
"""The part of an interval between two reports of one that does not lead, at least."""


class Tally:
    """
    The samples of one process, and its report that nobody has heard of yet.

    Blocks end when they are large enough, before each check, and when the share changes:
    never by how calls ended, or the evidence would not be valid. A block of fewer than a
    hundred calls says nothing of the p99, so with less than that in an interval a process
    only counts for the limits.

    Not thread-safe, but for `samples`.
    """

    __slots__ = ("_ended_at", "_options", "_rng", "_told_at", "_urgent", "pending", "samples")

    def __init__(self, options: CanaryOptions, rng: random.Random) -> None:
        self._options = options
        self._rng = rng
        self._ended_at: float | None = None
        self._told_at = 0.0
        self._urgent = False
        self.samples = Samples(options.analysis)
        self.pending: Report | None = None

    def collect(self, checked_at: float, now: float, *, leads: bool) -> None:
        """
        End a block if it is large enough, or if the check after *checked_at* comes.

        *now* is the wall clock, and *leads* whether this process would make the check.
        """
        interval = self._options.interval
        soon = now - checked_at >= interval * (1.0 if leads else _EARLY)
        if soon and self._ended_at != checked_at:
            self._ended_at = checked_at
            self._urgent = self.cut()
        else:
            self._take(BLOCK)

    def cut(self) -> bool:
        """End the block now, because the share changes; False if it has no call."""
        return self._take(1)

    def is_due(self, now: float) -> bool:
        """Whether who does not lead should tell *pending* now."""
        if self.pending is None:
            return False
        # A wall clock may step back.
        return self._urgent or not 0.0 <= now - self._told_at < self._options.interval * _RARELY

    def told(self, now: float) -> None:
        """What was pending is in the record."""
        self.pending = None
        self._told_at = now
        self._urgent = False

    def drop(self) -> None:
        """Forget what is pending, which may be in the record already."""
        self.pending = None
        self._urgent = False

    def forget(self) -> None:
        """Forget every call: there is no rollout."""
        self.cut()
        self.drop()

    def renew(self) -> None:
        """A forked child has no calls of its own."""
        self.samples.renew()
        self.drop()

    def _take(self, smallest: int) -> bool:
        block = self.samples.close(self._rng, smallest=smallest)
        if block is None:
            return False
        self.pending = block if self.pending is None else self.pending + block
        return True
