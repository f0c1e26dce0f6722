"""Which endpoints a destination means."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from meshlib import Endpoint
from meshlib.routing import select_subset, subset_matches


class Target(NamedTuple):
    """An endpoint with something beside it."""

    endpoint: Endpoint


def target(number: int, **metadata: str) -> Target:
    """A target with metadata."""
    return Target(Endpoint(f"http://10.0.0.{number}", metadata=metadata))


ONE, TWO, THREE = target(1, version="v1", zone="a"), target(2, version="v2"), target(3)
ALL = (ONE, TWO, THREE)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, ALL),
        ({"version": "v1"}, (ONE,)),
        ({"version": ("v1",)}, (ONE,)),
        ({"version": ["v1", "v2"]}, (ONE, TWO)),
        ({"version": "v1", "zone": "a"}, (ONE,)),
        ({"version": "v1", "zone": "b"}, ()),
        ({"version": "v"}, ()),
        ({"version": ()}, ()),
        ({"region": "x"}, ()),
    ],
)
def test_subset_is_told_by_metadata(selector: Any, expected: tuple[Target, ...]) -> None:
    """All that is asked for must be said, and be one of the values."""
    assert expected == select_subset(ALL, selector)
    assert expected == tuple(each for each in ALL if subset_matches(each.endpoint, selector))


@pytest.mark.parametrize(
    ("fallback", "expected"),
    [("none", ()), ("any", ALL), ("default", (TWO,))],
)
def test_empty_subset_falls_back(fallback: Any, expected: tuple[Target, ...]) -> None:
    """Nowhere, anywhere, or to a default: Envoy's three policies."""
    default = {"version": ("v2",)}
    assert expected == select_subset(ALL, {"version": ("v9",)}, fallback, default)


@pytest.mark.parametrize("fallback", ["none", "any", "default"])
def test_subset_with_an_endpoint_does_not_fall_back(fallback: Any) -> None:
    """One is enough."""
    assert (ONE,) == select_subset(ALL, {"zone": ("a",)}, fallback, {"version": ("v2",)})


def test_default_may_be_empty_and_may_be_everything() -> None:
    """Nothing more is tried; a default that asks for nothing is every endpoint."""
    assert () == select_subset(ALL, {"a": ("b",)}, "default", {"version": ("v9",)})
    assert ALL == select_subset(ALL, {"a": ("b",)}, "default")
