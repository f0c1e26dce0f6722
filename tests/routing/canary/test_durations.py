"""Buckets of durations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.routing.canary import _durations as durations


@given(st.floats(1e-5, 3600))
def test_a_bucket_is_one_percent_wide(seconds: float) -> None:
    """The bucket tells a duration to 1.1 %."""
    bucket = durations.bucket_of(seconds)
    lower = 2.0 ** (bucket / durations.PER_DOUBLING)
    assert lower <= seconds * (1 + 1e-9)
    assert seconds < lower * 2.0 ** (1 / durations.PER_DOUBLING) * (1 + 1e-9)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, 1e-9])
def test_what_is_no_duration_is_the_shortest(seconds: float) -> None:
    """A clock that stepped back raises nothing."""
    assert durations.LOWEST == durations.bucket_of(seconds)


def test_what_is_too_long_is_the_longest() -> None:
    """Memory is bounded at both ends."""
    assert durations.HIGHEST == durations.bucket_of(1e9) == durations.bucket_of(math.inf)


@given(seconds=st.floats(0.001, 1), ratio=st.floats(1, 11))
def test_a_ratio_is_the_same_number_of_buckets_everywhere(seconds: float, ratio: float) -> None:
    """A duration that is longer by the ratio lies at most that many buckets higher."""
    longer = seconds * ratio * (1 - 1e-9)  # or rounding alone could move it by a bucket
    moved = durations.bucket_of(longer) - durations.bucket_of(seconds)
    assert moved <= durations.buckets_of(ratio) <= moved + 2


def test_a_whole_number_of_buckets_is_not_rounded_up() -> None:
    """Twice as long is a doubling, not a bucket more."""
    assert 0 == durations.buckets_of(1.0)
    assert durations.PER_DOUBLING == durations.buckets_of(2.0)


@given(
    st.dictionaries(st.integers(-50, 50), st.integers(1, 1000), min_size=1),
    st.sampled_from([0.0, 0.01, 0.5]),
)
def test_the_tail_is_as_long_as_it_may_be(counts: dict[int, int], share: float) -> None:
    """At most the share lies above the limit, and more than that from it on."""
    limit = durations.tail(counts, share)
    whole = sum(counts.values())
    assert durations.above(counts, limit) <= share * whole + 1e-6
    assert durations.above(counts, limit - 1) > share * whole


def test_nothing_has_no_tail() -> None:
    """Without calls the limit is the lowest there is."""
    assert durations.LOWEST == durations.tail({}, 0.01)


def test_counts_what_is_slower() -> None:
    """Durations in the bucket of the limit are within it."""
    counts = {durations.bucket_of(each): 1 for each in (0.1, 0.5, 0.52, 2.0)}
    assert 2 == durations.slower_than(counts, 0.5)
