"""Into which levels endpoints are sorted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib._models import Endpoint
from meshlib.balancing import Levels, Locality, PreferOptions, default_keys

OWN = Locality(region="eu", zone="a", sub_zone="r1")


def levels_of(endpoints: list[Endpoint], keys: list[Any]) -> list[list[str]]:
    """The URLs of each level, the preferred level first."""
    found: dict[Any, list[str]] = {}
    for endpoint, key in zip(endpoints, keys, strict=True):
        found.setdefault(key, []).append(endpoint.url)
    return [found[key] for key in sorted(found)]


def sorted_by(
    criteria: list[Any], endpoints: list[Endpoint], own: Locality = OWN, warn: Any = None
) -> list[list[str]]:
    """The levels by *criteria*, as a document has them."""
    options = [PreferOptions.model_validate(each) for each in criteria]
    return levels_of(endpoints, Levels(options, own, warn)(endpoints))


def at(url: str, *, kind: str = "local", priority: int = 0, **metadata: str) -> Endpoint:
    """An endpoint."""
    return Endpoint(url, kind=kind, priority=priority, metadata=metadata)


def test_default_is_priority_then_kind() -> None:
    """A number counts before a word, and a kind of one's own is as near as local."""
    endpoints = [
        at("cloud", kind="cloud"),
        at("gpu", kind="gpu"),
        at("second", priority=1),
        at("edge", kind="edge"),
        at("local"),
        at("second-cloud", kind="cloud", priority=1),
    ]
    expected = [["gpu", "local"], ["edge"], ["cloud"], ["second"], ["second-cloud"]]
    assert expected == levels_of(endpoints, default_keys(endpoints))
    assert expected == sorted_by(["priority", "kind"], endpoints)


def test_one_kind_makes_no_levels() -> None:
    """A list of URLs is as before: by priority alone."""
    endpoints = [at("a"), at("b", priority=2), at("c")]
    assert [["a", "c"], ["b"]] == levels_of(endpoints, default_keys(endpoints))


def test_own_order_of_kinds() -> None:
    """What an order does not list comes last, together."""
    endpoints = [at("l"), at("e", kind="edge"), at("c", kind="cloud"), at("x", kind="gpu")]
    assert [["e"], ["l"], ["c", "x"]] == sorted_by([{"kind": ["edge", "local"]}], endpoints)


def test_priority_is_last_unless_it_is_named() -> None:
    """It counts always, and where it is named it counts there."""
    endpoints = [
        at("far", zone="b"),
        at("near-second", priority=1, zone="a"),
        at("near", zone="a"),
    ]
    assert [["near"], ["near-second"], ["far"]] == sorted_by(["zone"], endpoints)
    assert [["near"], ["far"], ["near-second"]] == sorted_by(["priority", "zone"], endpoints)
    assert [["far", "near"], ["near-second"]] == sorted_by([], endpoints)


def test_zone_tells_the_own_one_from_others() -> None:
    """Its name decides, unless the endpoint is in another region; no zone is another one."""
    endpoints = [
        at("other", zone="b", region="eu"),
        at("own", zone="a", region="eu"),
        at("regionless", zone="a"),
        at("namesake", zone="a", region="us"),
        at("nowhere"),
    ]
    first, second = sorted_by(["zone"], endpoints)
    assert (["own", "regionless"], ["other", "namesake", "nowhere"]) == (first, second)
    by_name, _ = sorted_by(["zone"], endpoints, Locality(zone="a"))
    assert ["own", "regionless", "namesake"] == by_name


def test_locality_counts_what_differs_from_the_left() -> None:
    """In another region everything differs, however its zones are called."""
    endpoints = [
        at("namesake", region="us", zone="a", sub_zone="r1"),
        at("zone", region="eu", zone="a", sub_zone="r2"),
        at("own", region="eu", zone="a", sub_zone="r1"),
        at("region", region="eu", zone="b", sub_zone="r1"),
        at("silent"),
    ]
    expected = [["own"], ["zone"], ["region"], ["namesake", "silent"]]
    assert expected == sorted_by(["locality"], endpoints)
    zone_alone = sorted_by(["locality"], endpoints, Locality(zone="a"))
    assert [["namesake", "zone", "own"], ["region", "silent"]] == zone_alone


@pytest.mark.parametrize("by", ["zone", "locality"])
def test_unknown_place_prefers_nobody_and_says_so_once(by: str) -> None:
    """Who does not know where it runs calls all zones alike."""
    told: list[str] = []
    levels = Levels([PreferOptions(by=by)], warn=told.append)  # type: ignore[arg-type]  # a name
    endpoints = [at("a", zone="a"), at("b", zone="b")]
    for _ in range(2):
        assert [["a", "b"]] == levels_of(endpoints, levels(endpoints))
    assert len(told) == 1
    assert "MESHLIB_ZONE" in told[0]
    assert [["a", "b"]] == sorted_by([by], endpoints, Locality())


def test_numbers_ascend_and_what_is_none_comes_last() -> None:
    """It is said once; infinity and NaN are no numbers to compare by."""
    told: list[str] = []
    endpoints = [
        at("ten", cost="10"),
        at("two", cost="2.0"),
        at("too", cost="2"),
        at("below", cost="-1"),
        at("word", cost="cheap"),
        at("nan", cost="nan"),
        at("endless", cost="inf"),
        at("silent"),
    ]
    expected = [["below"], ["two", "too"], ["ten"], ["word", "nan", "endless", "silent"]]
    assert expected == sorted_by(["cost"], endpoints, warn=told.append)
    assert 1 == len(told)
    assert "'cost'" in told[0]
    assert expected == sorted_by([{"metadata": "cost"}], endpoints)


def test_words_of_metadata_have_an_order() -> None:
    """Those that are not listed come last, with those that say nothing."""
    endpoints = [at("s", tier="silver"), at("n"), at("g", tier="gold"), at("b", tier="bronze")]
    by = {"metadata": "tier", "order": ["gold", "silver"]}
    assert [["g"], ["s"], ["n", "b"]] == sorted_by([by], endpoints)


def test_small_own_zone_is_not_told_apart() -> None:
    """With fewer endpoints than wanted, it is one level with the next nearest."""
    near = [at(f"near{n}", zone="a", region="eu") for n in range(2)]
    region = [at("region", zone="b", region="eu")]
    far = [at("far", zone="c", region="us")]
    endpoints = [*near, *region, *far]

    def sizes(by: str, minimum: int) -> list[int]:
        return [len(level) for level in sorted_by([{by: {"min_endpoints": minimum}}], endpoints)]

    assert [2, 2] == sizes("zone", 2)
    assert [4] == sizes("zone", 3)
    two = Locality(region="eu", zone="a")
    for minimum, expected in ((2, [2, 1, 1]), (3, [3, 1]), (4, [4]), (9, [4])):
        options = [PreferOptions(by="locality", min_endpoints=minimum)]
        found = levels_of(endpoints, Levels(options, two)(endpoints))
        assert expected == [len(level) for level in found]


def test_enough_is_counted_within_what_comes_before() -> None:
    """Endpoints in the cloud do not make the local ones of the own zone more."""
    endpoints = [
        at("near", zone="a"),
        at("far", zone="b"),
        *[at(f"cloud{n}", kind="cloud", zone="a") for n in range(3)],
        at("cloud-far", kind="cloud", zone="b"),
    ]
    found = sorted_by(["kind", {"zone": {"min_endpoints": 2}}], endpoints)
    assert [["near", "far"], ["cloud0", "cloud1", "cloud2"], ["cloud-far"]] == found


_METADATA = st.dictionaries(
    st.sampled_from(["zone", "region", "cost", "tier"]), st.sampled_from(["a", "b", "1", "2"])
)
_ENDPOINTS = st.lists(
    st.builds(
        Endpoint,
        url=st.integers().map(str),
        kind=st.sampled_from(["local", "edge", "cloud", "own"]),
        priority=st.integers(0, 3),
        metadata=_METADATA,
    )
)
_CRITERIA = st.lists(
    st.sampled_from(
        [
            "priority",
            "kind",
            "locality",
            "cost",
            {"zone": {"min_endpoints": 2}},
            {"metadata": "tier", "order": ["b", "a"]},
        ]
    ),
    max_size=4,
)


@given(endpoints=_ENDPOINTS, criteria=_CRITERIA)
def test_keys_compare_and_earlier_criteria_decide(
    endpoints: list[Endpoint], criteria: list[Any]
) -> None:
    """Every endpoint has a key, and one criterion more only divides levels."""
    options = [PreferOptions.model_validate(each) for each in criteria]
    keys = Levels(options, OWN)(endpoints)
    assert len(keys) == len(endpoints)
    assert all(earlier <= later for earlier, later in pairwise(sorted(keys)))
    shorter = [key[: len(options)] for key in keys]
    more = Levels([*options, PreferOptions(by="kind", order=("own",))], OWN)(endpoints)
    assert shorter == [key[: len(options)] for key in more]
