"""How traffic is divided between zones."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib._models import Endpoint
from meshlib.balancing import (
    BalancerOptions,
    Baseline,
    Load,
    Locality,
    Members,
    ZoneAware,
    ZoneAwareOptions,
    ZoneLoads,
    make_balancer,
    zone_loads,
)

INFO: Any = SimpleNamespace(now=0.0, hash_key=None, tried=())


def test_division_is_as_published() -> None:
    """The example in Envoy's `load_balancer_impl.cc`: local 40, 40, 20, upstream 25, 50, 25."""
    callers, endpoints = {"a": 40, "b": 40, "c": 20}, {"a": 25, "b": 50, "c": 25}
    loads = zone_loads("a", callers, endpoints)
    assert loads is not None
    assert (6250, (0, 1000, 500), (0, 1000, 1500)) == (
        loads.own,
        loads.residual,
        loads.cumulative,
    )
    assert {"a": 0.625, "b": 0.25, "c": 0.125} == pytest.approx(loads.shares())


@pytest.mark.parametrize(
    ("callers", "endpoints", "expected"),
    [
        # A share of the endpoints as large as that of the callers: nothing leaves.
        ({"a": 1, "b": 1}, {"a": 3, "b": 3}, {"a": 1.0, "b": 0.0}),
        ({"a": 1, "b": 2}, {"a": 5, "b": 1}, {"a": 1.0, "b": 0.0}),
        # Half of the callers, a third of the endpoints: two thirds stay.
        ({"a": 1, "b": 1}, {"a": 2, "b": 4}, {"a": 0.6666, "b": 0.3334}),
        # No endpoint in the own zone, or none that is fit.
        ({"a": 1, "b": 1}, {"b": 3, "c": 3}, {"a": 0.0, "b": 0.0, "c": 1.0}),
        ({"a": 2}, {"a": 0, "b": 2, "c": 4}, {"a": 0.0, "b": 0.3333, "c": 0.6667}),
        # Nobody else calls from here, as far as is known: everything that fits stays.
        ({"b": 1}, {"a": 1, "b": 5}, {"a": 1.0, "b": 0.0}),
        # Callers in zones without endpoints count among the callers.
        ({"a": 1, "z": 1}, {"a": 1, "b": 5}, {"a": 0.3332, "b": 0.6668}),
    ],
)
def test_shares(
    callers: dict[str, int], endpoints: dict[str, int], expected: dict[str, float]
) -> None:
    """What stays, and where the rest goes."""
    loads = zone_loads("a", callers, endpoints)
    assert loads is not None
    assert expected == pytest.approx(loads.shares(), abs=1e-9 + 1e-4)


@pytest.mark.parametrize(
    ("callers", "endpoints", "least"),
    [
        ({"a": 1}, {"a": 6}, 6),
        ({"a": 1}, {"a": 2, "b": 3}, 6),
        ({}, {"a": 3, "b": 3}, 6),
        ({"a": 0}, {"a": 3, "b": 3}, 6),
    ],
)
def test_zones_are_not_told_apart(
    callers: dict[str, int], endpoints: dict[str, int], least: int
) -> None:
    """With one zone, too few endpoints, or no caller that is known."""
    assert zone_loads("a", callers, endpoints, min_endpoints=least) is None
    more = {"a": 3, "b": 3}
    assert zone_loads("a", {"a": 1}, more, min_endpoints=least) is not None


def test_own_zone_may_be_forced() -> None:
    """From so many endpoints on its share does not matter, Envoy's `force_local_zone`."""
    callers, endpoints = {"a": 9, "b": 1}, {"a": 2, "b": 8}
    forced = zone_loads("a", callers, endpoints, force_own_zone=2)
    assert forced is not None
    assert forced.own == 10_000
    free = zone_loads("a", callers, endpoints, force_own_zone=3)
    assert free is not None
    assert free.own == 2222


def test_rounding_leaves_traffic_to_any_zone() -> None:
    """Where no zone has room, and yet something is left, each zone gets as much."""
    loads = ZoneLoads(("a", "b"), 9998, (0, 0))
    assert {"a": 0.9999, "b": 0.0001} == pytest.approx(loads.shares())


_COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 50), min_size=1)


@given(callers=_COUNTS, endpoints=_COUNTS)
def test_shares_make_one_and_nobody_gets_more_than_there_is(
    callers: dict[str, int], endpoints: dict[str, int]
) -> None:
    """The shares are a division, and a zone without endpoints gets nothing."""
    loads = zone_loads("a", callers, endpoints, min_endpoints=1)
    if loads is None:
        return
    shares = loads.shares()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert min(shares.values()) >= 0.0
    if any(loads.residual):
        assert all(not share for zone, share in shares.items() if not endpoints.get(zone))


@given(
    callers=st.lists(st.integers(1, 30), min_size=3, max_size=3),
    endpoints=st.lists(st.integers(1, 30), min_size=3, max_size=3),
)
def test_endpoints_are_loaded_alike_when_all_callers_do_so(
    callers: list[int], endpoints: list[int]
) -> None:
    """That is what the arithmetic is for: no zone is overloaded, whatever stays in it."""
    here, there = dict(zip("abc", callers, strict=True)), dict(zip("abc", endpoints, strict=True))
    arriving = dict.fromkeys("abc", 0.0)
    for zone, count in here.items():
        loads = zone_loads(zone, here, there, min_endpoints=1)
        assert loads is not None
        for target, share in loads.shares().items():
            arriving[target] += count * share
    for zone in "abc":
        mean = sum(callers) / sum(endpoints)
        # A ten-thousandth of the traffic is lost in rounding, for each of the zones.
        assert arriving[zone] <= there[zone] * mean + sum(callers) * 0.002


class Target:
    """A candidate."""

    def __init__(self, url: str, zone: str | None) -> None:
        metadata = {} if zone is None else {"zone": zone}
        self.endpoint = Endpoint(url, metadata=metadata)
        self.load = Load(Baseline())


def targets_in(*zones: str | None) -> tuple[Target, ...]:
    """A target in each."""
    return tuple(Target(f"http://{n}", zone) for n, zone in enumerate(zones))


def counted(aware: ZoneAware, members: Members, targets: tuple[Target, ...], **of: Any) -> Any:
    """Of 2000 picks, the share of each zone."""
    rng = random.Random(3)
    balancer = make_balancer(BalancerOptions(name=of.pop("name", "random")), rng)
    pick = aware.prepare(members, balancer, of.pop("usable", targets), targets, rng)
    picks = Counter(pick(INFO).endpoint.metadata.get("zone") for _ in range(2000))
    return {zone: count / 2000 for zone, count in picks.items()}


def aware_of(own: str = "a", **options: Any) -> ZoneAware:
    """Zone awareness of a caller in *own*."""
    return ZoneAware(ZoneAwareOptions(members="us", **options), Locality(zone=own))


def test_picks_meet_the_shares() -> None:
    """Two thirds stay, and the balancer chooses within the zone."""
    members = Members({"a": 1, "b": 1}, 2)
    picks = counted(aware_of(), members, targets_in(*"aabbbb"))
    assert {"a": 0.6666, "b": 0.3334} == pytest.approx(picks, abs=0.03)


def test_unfit_endpoints_take_their_share_with_them() -> None:
    """A zone with no fit endpoint is still a zone, so the own one is told apart from it."""
    targets = targets_in(*"aaabbb")
    members = Members({"a": 1, "b": 1}, 2)
    aware = aware_of(min_endpoints=3)
    assert {"a": 1.0} == counted(aware, members, targets, usable=targets[:3])
    assert {"b": 1.0} == counted(aware, members, targets, usable=targets[3:])


def test_endpoints_without_a_zone_are_a_zone() -> None:
    """They are nobody's own, and get what is left."""
    picks = counted(aware_of(), Members({"a": 1}, 1), targets_in("a", "a", "a", None, None, None))
    assert {"a": 0.5, None: 0.5} == pytest.approx(picks, abs=0.04)


def test_fleet_that_is_mostly_unfit_says_nothing() -> None:
    """Fewer than half of the own replicas are fit: zones are not told apart."""
    targets = targets_in(*"aaabbb")
    everything_stays = counted(aware_of(), Members({"a": 1, "b": 1}, 4), targets)
    assert {"a": 1.0} == everything_stays
    mixed = counted(aware_of(), Members({"a": 1, "b": 1}, 5), targets)
    assert {"a": 0.5, "b": 0.5} == pytest.approx(mixed, abs=0.04)


def test_unknown_own_zone_tells_no_zones_apart() -> None:
    """Who does not know where it is calls everybody."""
    picks = counted(aware_of(""), Members({"a": 1, "b": 1}, 2), targets_in(*"aaabbb"))
    assert {"a": 0.5, "b": 0.5} == pytest.approx(picks, abs=0.04)


def test_hashing_knows_no_zones() -> None:
    """A key stays with its endpoint, wherever that is, as in Envoy."""
    picks = counted(
        aware_of(), Members({"a": 1, "b": 1}, 2), targets_in(*"aaabbb"), name="ring_hash"
    )
    assert {"a", "b"} == set(picks)
