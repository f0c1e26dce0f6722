"""What holds of every limit, whatever it is fed."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.bulkhead.limits import AdaptiveOptions, ConcurrencyOptions, Limit, make_limit

KINDS: list[dict[str, Any]] = [
    {"aimd": {"min": 2, "max": 9}},
    {"aimd": {"min": 4, "max": 4, "window_size": 1, "window": 0.001}},
    {"gradient2": {"min": 2, "max": 9, "window_size": 1, "window": 0.001}},
    {"gradient2": {"min": 1, "max": 5, "smoothing": 1.0, "queue_size": 0}},
    {"envoy_gradient": {"min": 2, "max": 9, "request_count": 2}},
    {"envoy_gradient": {"min": 1, "max": 3, "request_count": 1, "min_rtt_interval": 0.5}},
]
SECONDS = st.one_of(
    st.floats(-10, 100, allow_nan=False),
    st.floats(allow_nan=True, allow_infinity=True),
    st.just(1e-320),
)
SAMPLES = st.lists(
    st.tuples(st.floats(-1e6, 1e6), SECONDS, st.integers(0, 100), st.booleans()), max_size=60
)


def bounds(options: dict[str, Any]) -> tuple[int, int]:
    """The least and the most that a limit with these options may be."""
    ((_, settings),) = options.items()
    return settings["min"], settings["max"]


@pytest.mark.parametrize("options", KINDS, ids=str)
@given(samples=SAMPLES)
def test_limit_stays_within_its_bounds(options: dict[str, Any], samples: list[Any]) -> None:
    """Never below the minimum, never above the maximum, and a whole number."""
    limit = make_limit(AdaptiveOptions.model_validate(options), random.Random(1))
    least, most = bounds(options)
    now = 0.0
    for passed, rtt, in_flight, dropped in samples:
        now += passed
        limit.sample(now, rtt, in_flight, dropped)
        assert least <= limit.limit <= most
        assert isinstance(limit.limit, int)


@pytest.mark.parametrize("kind", ["aimd", "gradient2"])
@given(
    rtts=st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.001, 100.0)), max_size=60),
    share=st.floats(0, 0.49),
)
def test_limit_that_is_not_used_does_not_grow(
    kind: str, rtts: list[tuple[float, float]], share: float
) -> None:
    """Fewer than half of it in flight proves nothing about more."""
    options = {kind: {"initial": 40, "min": 2, "window_size": 1, "window": 0.01}}
    limit = make_limit(AdaptiveOptions.model_validate(options))
    now = 0.0
    for passed, rtt in rtts:
        now += passed
        before = limit.limit
        limit.sample(now, rtt, int(before * share), False)
        assert limit.limit <= before


@pytest.mark.parametrize("kind", ["aimd", "gradient2", "envoy_gradient"])
@given(
    warm=st.lists(st.floats(0.001, 1.0), min_size=60, max_size=60),
    apart=st.floats(0.05, 1.0),
)
def test_drops_lower_the_limit(kind: str, warm: list[float], apart: float) -> None:
    """Whatever was before, a time of nothing but drops ends at the minimum."""
    limit = make_limit(AdaptiveOptions.model_validate({kind: {"min": 2}}), random.Random(1))
    now = 0.0
    for rtt in warm:
        now += apart
        limit.sample(now, rtt, limit.limit, False)
    for _ in range(1200):
        now += apart
        before = limit.limit
        limit.sample(now, 0.0, limit.limit, True)
        assert limit.limit <= before or kind == "envoy_gradient"  # the old one, measured anew
    assert 2 == limit.limit


@pytest.mark.parametrize("jump", [-1e9, 1e9])
@pytest.mark.parametrize("kind", ["aimd", "gradient2", "envoy_gradient"])
def test_clock_that_jumps_stops_nothing(kind: str, jump: float) -> None:
    """Within a minute of the jump the limit has followed answers that became slow."""
    options = {kind: {"min": 5}} if kind == "envoy_gradient" else {kind: {"min": 5, "initial": 5}}
    limit = make_limit(AdaptiveOptions.model_validate(options), random.Random(1))

    def minute(begin: float, rtt: float) -> int:
        """The least limit of a minute."""
        least = limit.limit
        for number in range(6000):
            quick = number < 1500  # enough for a least latency, if that is measured anew
            limit.sample(begin + number / 100, 0.1 if quick else rtt, limit.limit, False)
            least = min(least, limit.limit)
        return least

    minute(0.0, 0.1)
    before = limit.limit
    assert before > 5
    assert minute(jump, 10.0) < before


def test_every_kind_is_made() -> None:
    """The field that is named says which; a fixed one is as it was said."""
    for value, first in [(7, 7), ("aimd", 20), ("gradient2", 20), ("envoy_gradient", 3)]:
        limit: Limit = make_limit(ConcurrencyOptions.model_validate(value))
        assert first == limit.limit
        limit.sample(0.0, math.nan, 0, False)
        assert first == limit.limit
