"""The two balancers that compare loads: what they prefer, and how ties go."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.balancing import BalancerOptions, make_balancer

COMPARING = ["least_connections", "least_response_time"]
SIZES = [(2, 5), (3, 5), (16, 5), (17, 5), (40, 5), (40, 3)]
"""Candidates and choice_count: scanned, unrolled, and sampled in a loop."""


def _picker(name: str, targets: Any, seed: int = 1, choice_count: int = 5) -> Any:
    options = BalancerOptions.model_validate({name: {"choice_count": choice_count}})
    return make_balancer(options, random.Random(seed)).prepare(targets)


def _hand_of(picker: Any, targets: Any) -> list[Any]:
    """Peek at the next hand, and put it back by taking the rest of the round."""
    hands = picker.__self__._hands
    hand = next(hands)
    for _ in range(len(targets) - 1):
        next(hands)
    return [load.owner for load in hand]


@pytest.mark.parametrize("name", COMPARING)
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize(("count", "choice_count"), SIZES)
def test_picks_the_best_of_its_hand(
    make_targets: Any, make_info: Any, name: str, weights: bool, count: int, choice_count: int
) -> None:
    """The pick is what a naive comparison of the same hand gives."""
    rng = random.Random(count)
    targets = make_targets([float(rng.randint(1, 3)) if weights else 1.0 for _ in range(count)])
    picker = _picker(name, targets, choice_count=choice_count)
    for _ in range(200):
        for target in targets:
            target.load.in_flight = rng.randrange(4)
            target.load.ewma = target.load.estimate = rng.choice((0.1, 0.2, 0.3, rng.random()))
            target.load.stamp = 10.0
        hand = _hand_of(picker, targets)
        loads = [target.load for target in hand]
        if name == "least_connections":
            ranks = [((one.in_flight + 1) / one.weight, one.estimate) for one in loads]
        else:
            ranks = [(one.estimate * (one.in_flight + 1) / one.weight, 0.0) for one in loads]
        assert picker(make_info(10.0)) is hand[ranks.index(min(ranks))]


@pytest.mark.parametrize("name", COMPARING)
@pytest.mark.parametrize(("count", "choice_count"), SIZES)
def test_equals_take_turns(
    make_targets: Any, make_info: Any, name: str, count: int, choice_count: int
) -> None:
    """Candidates that differ in nothing are picked equally often."""
    targets = make_targets(count)
    picker = _picker(name, targets, choice_count=choice_count)
    picked = Counter(picker(make_info()).endpoint.url for _ in range(3 * count))
    assert {3} == set(picked.values())
    assert count == len(picked)


@pytest.mark.parametrize("weights", [[1.0] * 3, [1.0] * 20, [1.0, 2.0, 4.0], [1.0, 2.0] * 10])
@pytest.mark.parametrize("name", COMPARING)
def test_idle_candidates_age_as_picks_pass(
    make_targets: Any, make_info: Any, name: str, weights: list[float]
) -> None:
    """After one round of picks each idle candidate's estimate is that of now."""
    targets = make_targets(weights)
    targets[0].load.baseline.latency = 0.010
    for target in targets:
        target.load.penalise(0.0)
    picker = _picker(name, targets)
    for _ in targets:
        picker(make_info(20.0))
    assert {target.load.latency(20.0) for target in targets} == {
        target.load.estimate for target in targets
    }
    assert targets[0].load.estimate < 1.0


@pytest.mark.parametrize("weights", [[1.0] * 4, [1.0] * 20, [1.0, 2.0] * 2, [1.0, 2.0] * 10])
def test_unmeasured_endpoint_waits_for_its_first_answer(
    make_targets: Any, make_info: Any, weights: list[float]
) -> None:
    """It gets one attempt before all others, and no second one while that is under way."""
    targets = make_targets(weights)
    for target in targets[1:]:
        target.load.observe(0.1, 0.0)
    picker = _picker("least_response_time", targets, choice_count=5)
    picked = []
    for _ in range(10 * len(targets)):
        target = picker(make_info())
        target.load.in_flight += 1
        picked.append(target)
    assert picked.count(targets[0]) == 1
    assert targets[0] in picked[: len(targets)]


@pytest.mark.parametrize("weights", [[1.0] * 4, [1.0] * 20, [1.0, 2.0] * 2, [1.0, 2.0] * 10])
def test_unmeasured_endpoints_share_the_first_burst(
    make_targets: Any, make_info: Any, weights: list[float]
) -> None:
    """Before the first answer of all, the fewest in flight by weight takes the next one."""
    targets = make_targets(weights)
    picker = _picker("least_response_time", targets, choice_count=5)
    for _ in range(8 * int(sum(weights))):
        picker(make_info()).load.in_flight += 1
    per_weight = [target.load.in_flight / target.load.weight for target in targets]
    assert max(per_weight) - min(per_weight) <= 2.0


@pytest.mark.parametrize("name", COMPARING)
def test_in_flight_outweighs_latency_in_time(make_targets: Any, make_info: Any, name: str) -> None:
    """The fastest endpoint does not get everything: its queue sends calls elsewhere."""
    targets = make_targets(3)
    for target, latency in zip(targets, (0.010, 0.020, 0.040), strict=True):
        target.load.observe(latency, 0.0)
    picker = _picker(name, targets)
    for _ in range(70):
        picker(make_info()).load.in_flight += 1
    in_flight = [target.load.in_flight for target in targets]
    expected = (23, 23, 23) if name == "least_connections" else (40, 20, 10)
    assert all(abs(count - want) <= 1 for count, want in zip(in_flight, expected, strict=True))


@pytest.mark.parametrize("count", [3, 40])
def test_latency_breaks_ties(make_targets: Any, make_info: Any, count: int) -> None:
    """Among as many in flight, least_connections prefers the lower latency."""
    targets = make_targets(count)
    for number, target in enumerate(targets):
        target.load.observe(0.01 if number == 1 else 0.02, 0.0)
    picker = _picker("least_connections", targets)
    picked = [picker(make_info()) for _ in range(count)]
    assert picked.count(targets[1]) == min(count, 5)


@pytest.mark.parametrize("name", COMPARING)
@given(weights=st.lists(st.sampled_from([1.0, 2.0, 5.0]), min_size=1, max_size=30))
def test_busy_candidates_share_by_weight(
    make_targets: Any, make_info: Any, name: str, weights: list[float]
) -> None:
    """While nothing completes, what is in flight nears the proportions of the weights."""
    targets = make_targets(weights)
    for target in targets:
        target.load.observe(0.1, 0.0)
    picker = _picker(name, targets, choice_count=10)
    for _ in range(20 * int(sum(weights))):
        picker(make_info()).load.in_flight += 1
    if len(weights) <= 16:
        assert all(abs(t.load.in_flight / t.load.weight - 20) <= 2 for t in targets)


@pytest.mark.parametrize("name", COMPARING)
def test_tried_candidates_are_the_callers_matter(
    make_targets: Any, make_info: Any, name: str
) -> None:
    """A pick ignores what was tried."""
    targets = make_targets(2)
    targets[1].load.in_flight = 5
    targets[0].load.observe(0.1, 0.0)
    targets[1].load.observe(0.1, 0.0)
    assert targets[0] is _picker(name, targets)(make_info(tried=[targets[0]]))
