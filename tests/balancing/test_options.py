"""What a user may set about balancing."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.balancing import BalancerOptions, HashKey


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("random", BalancerOptions(name="random")),
        ({}, BalancerOptions(name="least_connections")),
        ({"maglev": {"table_size": 7}}, BalancerOptions(name="maglev", table_size=7)),
        ({"maglev": None}, BalancerOptions(name="maglev")),
        ({"choice_count": 3}, BalancerOptions(choice_count=3)),
        (
            {"ring_hash": {"key": {"header": "x-user-id"}}},
            BalancerOptions(name="ring_hash", key=HashKey(header="x-user-id")),
        ),
    ],
)
def test_short_forms(document: Any, expected: BalancerOptions) -> None:
    """A name, or one key with the settings of that strategy."""
    assert BalancerOptions.model_validate(document) == expected


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"name": "maglev", "table_size": 8}, "must be prime, and 8 is not"),
        ({"minimum_ring_size": 20, "maximum_ring_size": 10}, "above maximum_ring_size"),
        ({"key": {"header": "a", "cookie": "b"}}, "not header and cookie"),
        ({"choice_count": 1}, "greater than or equal to 2"),
        ({"hash_balance_factor": 99}, "greater than or equal to 100"),
        ("fastest", "least_connections"),
        ({"choice_cont": 3}, "did you mean 'choice_count'"),
        ({"ring_hash": 3}, "settings are needed for ring_hash, not 3"),
    ],
)
def test_mistakes_are_named(document: Any, message: str) -> None:
    """What cannot work is an error that says why."""
    with pytest.raises(ConfigurationError, match=message):
        BalancerOptions.model_validate(document)


def test_maximum_alone_bounds_the_ring() -> None:
    """Without a minimum a small maximum is no contradiction."""
    assert BalancerOptions(maximum_ring_size=10).minimum_ring_size is None
