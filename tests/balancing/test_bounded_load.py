"""The bound on how much of the load one endpoint of a hashing balancer may take."""

from __future__ import annotations

import random
from collections import Counter
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.balancing import BalancerOptions, BoundedLoad, make_balancer
from meshlib.balancing._bounded_load import shuffled


def _bounded(targets: Any, factor: int = 150, owner: int = 0) -> Any:
    weights = [target.endpoint.weight for target in targets]
    return BoundedLoad(targets, weights, lambda _: owner, factor, random.Random(1)).pick


def test_owner_is_picked_while_it_has_room(make_targets: Any, make_info: Any) -> None:
    """Envoy's `active / slots <= 1`: its share in flight, which counts this attempt, is room."""
    targets = make_targets(4)
    pick = _bounded(targets)
    info = make_info(hash_key="a")
    for target in targets:
        target.load.in_flight = 4
    # 17 in flight with this one, half as many again, by four: 26 slots, 7 for each.
    targets[0].load.in_flight = 7
    targets[1].load.in_flight = 1
    assert pick(info) is targets[0]
    targets[0].load.in_flight = 8
    targets[1].load.in_flight = 0
    assert pick(info) is not targets[0]


def test_share_is_one_at_least(make_targets: Any, make_info: Any) -> None:
    """An idle service lets anybody have one in flight, however small its weight."""
    targets = make_targets([1.0, 1000.0])
    pick = _bounded(targets)
    targets[0].load.in_flight = 1
    assert pick(make_info(hash_key="a")) is targets[0]
    targets[0].load.in_flight = 2
    assert pick(make_info(hash_key="a")) is targets[1]


def test_key_spills_over_to_the_same_others(make_targets: Any, make_info: Any) -> None:
    """The key decides the order of the others; different keys spread over all of them."""
    targets = make_targets(8)
    targets[0].load.in_flight = 50
    pick = _bounded(targets)
    spilled: Counter[str] = Counter()
    for number in range(300):
        info = make_info(hash_key=str(number))
        chosen = pick(info)
        assert chosen is pick(info)
        spilled[chosen.endpoint.url] += 1
    assert targets[0].endpoint.url not in spilled
    assert len(spilled) == 7
    assert min(spilled.values()) > 15


def test_full_neighbours_are_passed_over(make_targets: Any, make_info: Any) -> None:
    """The only one with room is found."""
    targets = make_targets(6)
    for target in targets:
        target.load.in_flight = 20
    targets[4].load.in_flight = 3
    targets[0].load.in_flight = 40
    pick = _bounded(targets, factor=100)
    for target in targets[1:4] + targets[5:]:
        target.load.in_flight = 30
    assert pick(make_info(hash_key="a")) is targets[4]


def test_least_overloaded_is_picked_when_all_are_tried_or_full(
    make_targets: Any, make_info: Any
) -> None:
    """An untried one that is full comes before any that was tried."""
    targets = make_targets(3)
    for target, in_flight in zip(targets, (90, 5, 60), strict=True):
        target.load.in_flight = in_flight
    pick = _bounded(targets, factor=100)
    tried = [targets[1]]
    assert pick(make_info(hash_key="a", tried=tried)) is targets[2]
    assert pick(make_info(hash_key="a", tried=[targets[2], targets[1]])) is targets[0]
    assert pick(make_info(hash_key="a", tried=list(targets))) is targets[1]


@pytest.mark.parametrize("name", ["ring_hash", "maglev"])
@pytest.mark.parametrize("count", [3, 40])
def test_one_hot_key_is_spread(make_targets: Any, make_info: Any, name: str, count: int) -> None:
    """While nothing completes, no endpoint has more in flight than the factor allows."""
    targets = make_targets(count)
    options = BalancerOptions.model_validate({name: {"hash_balance_factor": 125}})
    pick = make_balancer(options, random.Random(1)).prepare(targets)
    picks = 20 * count
    for _ in range(picks):
        pick(make_info(hash_key="hot")).load.in_flight += 1
    most = max(target.load.in_flight for target in targets)
    assert most <= ceil(1.25 * 20) + 1
    assert most >= 20


@given(
    completed=st.lists(st.integers(0, 39), max_size=300),
    factor=st.integers(100, 200),
    seed=st.integers(0, 1000),
)
def test_bound_is_at_most_an_eighth_too_wide(
    make_targets: Any, make_info: Any, completed: list[int], factor: int, seed: int
) -> None:
    """The total is counted late: that lets in an attempt for every eight candidates."""
    targets = make_targets(40)
    rng = random.Random(seed)
    pick = _bounded(targets, factor=factor)
    for gone in completed:
        load = targets[gone].load
        if load.in_flight and rng.random() < 0.5:
            load.in_flight -= 1
        total = sum(target.load.in_flight for target in targets)
        chosen = pick(make_info(hash_key="a"))
        late = total + 1 + 40 // 8
        allowed = max(1, ceil(((late * factor + 99) // 100) / 40))
        assert chosen.load.in_flight <= allowed
        chosen.load.in_flight += 1


@given(count=st.integers(0, 50), digest=st.integers(0, 2**64 - 1))
def test_shuffle_is_a_permutation(count: int, digest: int) -> None:
    """Everybody comes once, in the same order for the same digest."""
    order = list(shuffled(count, digest))
    assert sorted(order) == list(range(count))
    assert order == list(shuffled(count, digest))


def test_shuffle_is_even() -> None:
    """Over many keys everybody is first equally often."""
    firsts = Counter(next(shuffled(5, random.Random(n).getrandbits(64))) for n in range(5000))
    assert all(abs(count - 1000) < 150 for count in firsts.values())
