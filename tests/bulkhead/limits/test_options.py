"""What a document may say about limits."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.bulkhead.limits import AdaptiveOptions, ConcurrencyOptions


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (100, "fixed"),
        ("100", "fixed"),  # as a variable says it
        ({"fixed": 100}, "fixed"),
        ("gradient2", "gradient2"),
        ({"gradient2": None}, "gradient2"),
        ({"gradient2": None, "shares": {"critical": 1}}, "gradient2"),
        ({"aimd": {"timeout": "250ms"}}, "aimd"),
        ("drops", "drops"),
        ({"aimd": None, "envoy_gradient": {"min": 5}}, "envoy_gradient"),
    ],
)
def test_limit_is_named_by_its_field(value: Any, kind: str) -> None:
    """A number, a name, or settings under the name."""
    options = ConcurrencyOptions.model_validate(value)
    assert kind == options.kind
    assert options == ConcurrencyOptions.model_validate(options.model_dump())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "name one of fixed, drops, aimd, gradient2, envoy_gradient, not None"),
        ({"fixed": 5, "aimd": {}}, "not fixed and aimd"),
        ("gradient", "gradient2"),
        (0, "fixed: must be greater than or equal to 1"),
        ("fixed", "fixed: must be a valid integer"),
        (True, "not True"),
        ({"aimd": {"min": 5, "max": 4}}, "aimd: min is 5, above max, which is 4"),
        ({"envoy_gradient": {"min": 5, "max": 4}}, "min is 5, above max, which is 4"),
        ({"aimd": {"backoff_ratio": 1}}, "aimd.backoff_ratio"),
        ({"fixed": 5, "shares": {"sheddable": 0.95}}, "a higher priority has a smaller share"),
        ({"fixed": 5, "min_retry_after": 60}, "max_retry_after is below min_retry_after"),
    ],
)
def test_mistakes_are_told(value: Any, said: str) -> None:
    """Each error names the place and what is wrong."""
    with pytest.raises(ConfigurationError, match=said):
        ConcurrencyOptions.model_validate(value)


def test_adaptive_knows_no_fixed_limit() -> None:
    """A bulkhead has `max_concurrency` for that."""
    with pytest.raises(ConfigurationError, match="fixed"):
        AdaptiveOptions.model_validate(5)
    with pytest.raises(
        ConfigurationError, match="name one of drops, aimd, gradient2, envoy_gradient"
    ):
        AdaptiveOptions.model_validate({})
