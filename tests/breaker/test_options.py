"""What may be set about breakers and outlier ejection."""

from __future__ import annotations

import pytest

from meshlib import ConfigurationError, breaker
from meshlib.breaker import BreakerOptions, OutlierOptions


def test_longest_break_is_not_below_the_first() -> None:
    """Equal is fine."""
    options = BreakerOptions.model_validate({"break_duration": "20s", "max_break_duration": "20s"})
    assert 20.0 == options.max_break_duration
    with pytest.raises(ConfigurationError, match="max_break_duration is below break_duration"):
        BreakerOptions(break_duration=21.0, max_break_duration=20.0)


def test_ratio_of_none_is_written_as_null() -> None:
    """Zero would open at once; what is meant is said with null."""
    assert BreakerOptions(failure_ratio=None).failure_ratio is None
    for wrong in ({"failure_ratio": 0}, {"slow_call_ratio": 0}, {"consecutive_failures": 0}):
        with pytest.raises(ConfigurationError):
            BreakerOptions.model_validate(wrong)
    with pytest.raises(ConfigurationError):
        OutlierOptions(failure_ratio=0)


def test_all_is_sorted_and_complete() -> None:
    """The public names of the package."""
    assert sorted(breaker.__all__) == breaker.__all__
    assert all(hasattr(breaker, name) for name in breaker.__all__)
