"""
What calls of both versions are counted into, in each process.
"""

from __future__ import annotations

import random
import threading
from typing import Final

from ._durations import above, bucket_of, buckets_of, slower_than, tail
from ._options import AnalysisOptions
from ._report import Counts, Report
from ._sequential import NO_EVIDENCE, Evidence, evidence_of
from ._thinning import lose

BLOCK: Final = 500
"""
Calls of a block at least: so many have five that are among the slowest hundredth, and
what they say is lost neither to rounding nor by waiting long.
"""
_TAIL = 0.01


class Samples:
    """
    The calls since the last block ended, of the canary and of the stable version.

    Feed it one sample for each call, the outcome of its first attempt: retries follow
    failures, and would count the same trouble several times. What says nothing about the
    endpoint (the caller cancelled) is no sample.

    Costs an addition to a counter or two. Memory is bounded, however many the calls are.

    Thread-safe.
    """

    __slots__ = ("_canary", "_lock", "_options", "_stable")

    def __init__(self, options: AnalysisOptions) -> None:
        self._options = options
        self.renew()

    def renew(self) -> None:
        """A forked child starts with no calls of its own."""
        self._lock = threading.Lock()
        self._canary = _Arm()
        self._stable = _Arm()

    def add(self, *, canary: bool, failed: bool, elapsed: float) -> None:
        """Count a call: whose it was, how it ended, and how many seconds it took."""
        bucket = bucket_of(elapsed)
        with self._lock:
            arm = self._canary if canary else self._stable
            arm.calls += 1
            if failed:
                arm.failed += 1
            arm.durations[bucket] = arm.durations.get(bucket, 0) + 1

    def close(self, rng: random.Random, *, smallest: int = BLOCK) -> Report | None:
        """
        End the block and tell what it says, or None while it has too few calls.

        Ask as often as you like: the evidence may be looked at after every call. End it
        with *smallest* 1 when the weight changes, so that no block spans two weights.
        """
        with self._lock:
            canary, stable = self._canary, self._stable
            if canary.calls + stable.calls < smallest:
                return None
            self._canary, self._stable = _Arm(), _Arm()
        options = self._options
        limit = options.p99
        return Report(
            canary=canary.counts(limit),
            stable=stable.counts(limit),
            failures=_compare_failures(canary, stable, options.max_success_degradation, rng),
            slowness=_compare_durations(canary, stable, options.max_p99_degradation),
        )


class _Arm:
    """The calls of one version."""

    __slots__ = ("calls", "durations", "failed")

    def __init__(self) -> None:
        self.calls = 0
        self.failed = 0
        self.durations: dict[int, int] = {}

    def counts(self, limit: float | None) -> Counts:
        slow = 0 if limit is None else slower_than(self.durations, limit)
        return Counts(self.calls, self.failed, slow)


def _compare_failures(
    canary: _Arm, stable: _Arm, allowed: float | None, rng: random.Random
) -> Evidence:
    if allowed is None:
        return NO_EVIDENCE
    failed = stable.failed + lose(stable.calls - stable.failed, allowed, rng)
    return evidence_of(canary.calls, canary.failed, stable.calls, failed)


def _compare_durations(canary: _Arm, stable: _Arm, allowed: float | None) -> Evidence:
    """
    Whose are the slowest hundredth of all calls, the canary's being taken as so much faster.

    That limit is the p99 of both versions together, in this very block. Were it the p99
    of the stable version in an earlier one, a moment in which everything is slow would
    count against the canary; this one depends on the block only in a way that does not
    tell the versions apart, so the test stays exact.
    """
    if allowed is None:
        return NO_EVIDENCE
    faster = buckets_of(1.0 + allowed)
    both = {bucket - faster: count for bucket, count in canary.durations.items()}
    slow_canary_of = both.copy()
    for bucket, count in stable.durations.items():
        both[bucket] = both.get(bucket, 0) + count
    limit = tail(both, _TAIL)
    return evidence_of(
        canary.calls, above(slow_canary_of, limit), stable.calls, above(stable.durations, limit)
    )
