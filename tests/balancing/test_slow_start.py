"""How much of its weight an endpoint gets while it warms up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.balancing import SlowStartOptions, slow_start_factor


def test_factor_is_as_published(vectors: dict[str, Any]) -> None:
    """The points of Envoy's documentation."""
    for age, window, aggression, factor in vectors["slow_start"]["rows"]:
        options = SlowStartOptions(window=window, aggression=aggression)
        assert slow_start_factor(age, options) == pytest.approx(factor, abs=1e-6)


def test_factor_is_one_when_off() -> None:
    """Without a window an endpoint has its whole weight at once."""
    assert slow_start_factor(0.0, SlowStartOptions()) == 1.0


@pytest.mark.parametrize("age", [-1.0, 0.0, 0.0005])
def test_factor_is_the_least_at_birth(age: float) -> None:
    """A newborn, even one from a later clock, gets the minimum."""
    assert slow_start_factor(age, SlowStartOptions(window=30.0, min_weight=0.05)) == 0.05


def test_factor_counts_a_newborn_as_a_millisecond_old() -> None:
    """With a steep curve the first millisecond is already worth something."""
    options = SlowStartOptions(window=1.0, aggression=10.0, min_weight=0.1)
    assert slow_start_factor(0.0, options) == pytest.approx(0.001**0.1)


@given(
    age=st.floats(0, 100),
    older=st.floats(0, 100),
    aggression=st.floats(0.1, 10),
    least=st.floats(0.01, 1),
)
def test_factor_grows_to_one(age: float, older: float, aggression: float, least: float) -> None:
    """It stays between the minimum and 1, never falls with age, and is 1 after the window."""
    options = SlowStartOptions(window=60.0, aggression=aggression, min_weight=least)
    factor = slow_start_factor(age, options)
    assert least <= factor <= slow_start_factor(age + older, options) <= 1.0
    assert slow_start_factor(60.0, options) == 1.0
