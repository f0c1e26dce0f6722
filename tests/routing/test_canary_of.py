"""What a route says of its canary."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.routing import (
    RouteOptions,
    RouteTable,
    canary_index,
    canary_revision,
    canary_weights,
)

V1: dict[str, Any] = {"subset": {"version": "v1"}}
V2: dict[str, Any] = {"subset": {"version": "v2"}}


def route(*split: dict[str, Any], **settings: Any) -> RouteOptions:
    """A route with this split, and a canary unless told otherwise."""
    return RouteOptions.model_validate({"split": list(split), "canary": {}, **settings})


def weights(options: RouteOptions) -> tuple[float, ...]:
    """Those of the compiled route."""
    split = RouteTable([options]).routes[0].split
    assert split is not None
    return split.weights


def test_the_first_destination_is_the_canary() -> None:
    """Put the stable one last, as for every split with a key."""
    assert 0 == canary_index(route(V2, V1))
    assert (0.25, 0.75) == canary_weights(route(V2, V1), 0.25)


def test_another_one_may_be_named() -> None:
    """By its own name, or by that made of its values."""
    options = route(V1, V2, canary={"destination": "v2"})
    assert 1 == canary_index(options)
    assert (0.75, 0.25) == canary_weights(options, 0.25)
    assert 0 == canary_index(route(V2, V1, canary={"destination": "v2"}))


@pytest.mark.parametrize(
    ("destination", "revision"),
    [
        (V2, "version=v2"),
        ({**V2, "name": "new"}, "version=v2"),
        ({"subset": {"version": ["v2", "v3"], "zone": "a"}}, "version=v2|v3,zone=a"),
        ({"service": "users-next"}, "service=users-next"),
        ({"service": "users", **V2}, "service=users,version=v2"),
        ({"name": "any"}, "any"),
    ],
)
def test_a_revision_is_what_selects_the_canary(destination: Any, revision: str) -> None:
    """So a new version begins a new rollout; a new name does not."""
    assert revision == canary_revision(route(destination, V1))


def test_a_revision_may_be_given() -> None:
    """To roll out again what was rolled back."""
    assert "second try" == canary_revision(route(V2, V1, canary={"revision": "second try"}))


def test_a_canary_begins_without_calls() -> None:
    """Until it is known how it stands, unless the document gives weights for that time."""
    assert (0.0, 1.0) == weights(route(V2, V1))
    assert (1.0, 0.0) == weights(route(V1, V2, canary={"destination": "v2"}))
    assert (9.0, 1.0) == weights(route({**V2, "weight": 9}, V1))
    assert (1.0, 1.0) == weights(route(V2, V1, canary=None))


def test_true_is_a_canary_with_every_default() -> None:
    """And false is none."""
    assert route(V2, V1).canary == route(V2, V1, canary=True).canary
    assert route(V2, V1, canary=False).canary is None


@pytest.mark.parametrize(
    ("settings", "place", "remedy"),
    [
        ({"split": [V2]}, "canary", "name the canary and the stable version in split"),
        ({"split": [V2, V1, {"name": "x"}]}, "canary", "two destinations, not of 3"),
        ({"subset": {"a": "b"}}, "canary", "two destinations, not of 0"),
        ({"split": [V2, V1], "canary": {"destination": "v3"}}, "canary.destination", "v2, v1"),
        ({"deny": {"reason": "no"}}, "canary", "answers without an endpoint"),
        ({"split": [V2, V1], "canary": {"store": 3}}, "canary.store", "write 'process'"),
        ({"split": [V2, V1], "canary": {"revision": ""}}, "canary.revision", "at least 1"),
    ],
)
def test_says_what_is_wrong(settings: dict[str, Any], place: str, remedy: str) -> None:
    """The place in the route, and what to do."""
    with pytest.raises(ConfigurationError, match=remedy) as caught:
        RouteOptions.model_validate({"canary": {}, **settings})
    assert place == caught.value.path
