"""What a document may say about levels, zones and subsets."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.balancing import (
    Locality,
    PreferOptions,
    SubsettingOptions,
    ZoneAwareOptions,
    parse_locality,
)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("zone", PreferOptions(by="zone")),
        ("cost", PreferOptions(by="metadata", metadata="cost")),
        ({"by": "kind"}, PreferOptions(by="kind")),
        ({"kind": ["edge"]}, PreferOptions(by="kind", order=("edge",))),
        ({"kind": "edge"}, PreferOptions(by="kind", order=("edge",))),
        ({"zone": {"min_endpoints": 3}}, PreferOptions(by="zone", min_endpoints=3)),
        ({"zone": None}, PreferOptions(by="zone")),
        ({"metadata": "tier"}, PreferOptions(by="metadata", metadata="tier")),
        (
            {"metadata": "tier", "order": ["gold"]},
            PreferOptions(by="metadata", metadata="tier", order=("gold",)),
        ),
    ],
)
def test_short_forms(document: Any, expected: PreferOptions) -> None:
    """A name, or the name as the key of its settings."""
    assert PreferOptions.model_validate(document) == expected


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("nearest", "by"),
        ({"metadata": None}, "names the key to go by"),
        ({"by": "zone", "metadata": "cost"}, "names the key to go by"),
        ({"by": "zone", "order": ["a"]}, "an order is for kind and metadata, not for zone"),
        ({"kind": ["edge", "edge"]}, "stands twice"),
        ({"kind": {"min_endpoints": 2}}, "min_endpoints is for zone and locality"),
        ({"zone": {"min_endpoints": 0}}, "greater than or equal to 1"),
        ({"kind": ["edge"], "zone": {}}, "by"),
        (3, "settings are needed"),
    ],
)
def test_mistakes_are_named(document: Any, message: str) -> None:
    """What cannot work is an error that says why."""
    with pytest.raises(ConfigurationError, match=message):
        PreferOptions.model_validate(document)


def test_defaults_are_those_of_their_sources() -> None:
    """Envoy's `min_cluster_size`, and the smallest usual subset."""
    zones = ZoneAwareOptions(members="shop")
    assert (6, None) == (zones.min_endpoints, zones.force_own_zone)
    assert (20, None, None) == (
        SubsettingOptions().size,
        SubsettingOptions().key,
        SubsettingOptions().by,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Locality()),
        ("a", Locality(zone="a")),
        ("eu/a", Locality(region="eu", zone="a")),
        ("eu/a/r1", Locality(region="eu", zone="a", sub_zone="r1")),
    ],
)
def test_places_are_read(text: str, expected: Locality) -> None:
    """From one to three parts; one is the zone."""
    assert expected == parse_locality(text)


@pytest.mark.parametrize("text", ["eu/", "/a", "eu//r1", "a/b/c/d", " a", "eu/ a"])
def test_what_is_no_place_is_named(text: str) -> None:
    """An empty part is a mistake, not an unknown one."""
    with pytest.raises(ValueError, match="is no place"):
        parse_locality(text)
