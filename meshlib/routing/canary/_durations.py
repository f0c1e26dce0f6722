"""
How long calls took, in buckets that grow with the duration.

Sixty-four buckets to every doubling, all of one ratio, so that "a tenth slower" is the same
number of buckets everywhere. Only buckets that hold something take memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log2

PER_DOUBLING = 64
LOWEST = -20 * PER_DOUBLING
HIGHEST = 12 * PER_DOUBLING
"""From a microsecond to an hour; what is shorter or longer counts as these."""


def bucket_of(seconds: float) -> int:
    """The bucket of a duration; the lowest for what is none."""
    if not seconds > 2.0**-20:  # also not a number
        return LOWEST
    return floor(log2(seconds) * PER_DOUBLING) if seconds < 2.0**12 else HIGHEST


def buckets_of(ratio: float) -> int:
    """How many buckets a duration moves that is *ratio* times as long, rounded up."""
    # The subtrahend keeps a ratio of exactly so many buckets from moving one more.
    return ceil(log2(ratio) * PER_DOUBLING - 1e-9)


def slower_than(counts: Mapping[int, int], seconds: float) -> int:
    """How many are longer than *seconds*; those in its own bucket are not."""
    return above(counts, bucket_of(seconds))


def above(counts: Mapping[int, int], bucket: int) -> int:
    """How many lie in higher buckets."""
    return sum(count for each, count in counts.items() if each > bucket)


def tail(counts: Mapping[int, int], share: float) -> int:
    """The lowest bucket above which at most *share* of the durations lie."""
    # The addend makes up for 0.01 not being a hundredth exactly.
    left = sum(counts.values()) * share + 1e-9
    for bucket in sorted(counts, reverse=True):
        left -= counts[bucket]
        if left < 0:
            return bucket
    return LOWEST
