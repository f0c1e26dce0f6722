"""The hands that comparing balancers pick from."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.balancing._hands import deal, is_five, round_and_round, same_weights


@given(count=st.integers(1, 60), choice_count=st.integers(2, 10), seed=st.integers(0, 2**32))
def test_hands_are_distinct_and_fair(
    make_targets: Any, count: int, choice_count: int, seed: int
) -> None:
    """A hand has no load twice; in a round each is first once, and in as many hands."""
    targets = make_targets(count)
    round_ = list(islice(deal(targets, choice_count, random.Random(seed)), count))
    expected = count if count <= 16 else choice_count
    assert all(len(hand) == len(set(hand)) == expected for hand in round_)
    assert {target.load for target in targets} == {hand[0] for hand in round_}
    assert {expected} == set(Counter(load for hand in round_ for load in hand).values())


def test_hands_repeat_and_lead_back_to_the_candidates(
    make_targets: Any, rng: random.Random
) -> None:
    """After a round the same hands come again; each load knows its candidate."""
    targets = make_targets(20)
    hands = deal(targets, 3, rng)
    first = list(islice(hands, 20))
    assert first == list(islice(hands, 20))
    assert all(target.load.owner is target for target in targets)


@pytest.mark.parametrize("count", [5, 40])
def test_hands_begin_anywhere(make_targets: Any, count: int) -> None:
    """Processes that start together do not all begin with the same endpoint."""
    targets = make_targets(count)
    firsts = {next(deal(targets, 3, random.Random(seed)))[0] for seed in range(50)}
    assert len(firsts) > 3


def test_hands_have_other_peers_each_time_they_are_dealt(make_targets: Any) -> None:
    """The distance between the two runs of a hand is random."""
    targets = make_targets(40)
    hands = set()
    for seed in range(20):
        round_ = islice(deal(targets, 5, random.Random(seed)), 40)
        hands.add(next(hand for hand in round_ if hand[0] is targets[0].load))
    assert len(hands) > 5


def test_five_is_the_default_sample() -> None:
    """Hands of five are unrolled: of five candidates, and of those above the scan."""
    assert [is_five(16, 5), is_five(17, 5), is_five(17, 4)] == [False, True, False]
    assert [is_five(5, 3), is_five(4, 5)] == [True, False]


def test_same_weights(make_targets: Any) -> None:
    """Weights are compared with the first."""
    assert same_weights(make_targets([2.0, 2.0, 2.0]))
    assert not same_weights(make_targets([2.0, 2.0, 1.0]))


def test_hands_go_round_without_the_gil_too() -> None:
    """Where threads run at the same instant another iterator gives the same hands."""
    hands: list[tuple[Any, ...]] = [("a",), ("b",), ("c",)]
    for free_threaded in (True, False):
        dealt = round_and_round(hands, free_threaded)
        assert [*hands, *hands, hands[0]] == [next(dealt) for _ in range(7)]
