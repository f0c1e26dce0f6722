"""The hash ring, against Envoy's own positions and a naive search."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.balancing import Ring, ring_positions
from meshlib.balancing._ring import steady_size

DIGESTS = st.integers(0, 2**64 - 1)


def _keys(count: int) -> list[str]:
    return [f"10.0.0.{number}:8080" for number in range(count)]


def test_positions_are_as_published(vectors: dict[str, Any]) -> None:
    """Every ring that Envoy's tests print, position by position, and what they look up."""
    for case in vectors["ring"]["cases"]:
        positions = ring_positions(
            case["keys"], case["weights"], minimum=case["minimum"], maximum=case["maximum"]
        )
        assert [tuple(entry) for entry in case["ring"]] == positions, case["name"]
        ring = Ring(positions)
        for digest, owner in case["picks"]:
            assert owner == ring.owner(digest), case["name"]


def test_large_ring_is_as_published(vectors: dict[str, Any]) -> None:
    """Envoy's counts for 6000 look-ups on a ring of three weights."""
    case = vectors["ring"]["large"]
    ring = Ring(ring_positions(case["keys"], case["weights"], minimum=case["minimum"]))
    assert case["size"] == ring.size
    step = (2**64 - 1) // case["lookups"]
    owners = Counter(ring.owner(number * step) for number in range(case["lookups"]))
    assert case["counts"] == [owners[index] for index in range(3)]


@pytest.mark.parametrize("count", [1, 2, 3, 100])
@given(digest=DIGESTS)
def test_search_is_the_first_position_at_or_after(count: int, digest: int) -> None:
    """The look-up agrees with a binary search, also past the last position."""
    positions = ring_positions(_keys(count), [1.0] * count, minimum=64)
    ring = Ring(positions)
    place = bisect_left(positions, (digest, -1))
    assert place == ring.find(digest)
    assert positions[place % len(positions)][1] == ring.owner(digest)
    for position, owner in positions[:: max(1, count // 3)]:
        assert owner == ring.owner(position)


def test_search_takes_less_than_a_step() -> None:
    """The stretches are so fine that hardly a position is passed over, whatever the size."""
    for count in (3, 3000):
        ring = Ring(ring_positions(_keys(count), [1.0] * count))
        passed = 0
        for number in range(10_000):
            digest = number * (2**64 // 10_000) + number * 7919
            passed += ring.find(digest) - ring.starts[digest >> ring.shift]
        assert passed < 5_000


def test_size_is_a_whole_number_for_the_lightest() -> None:
    """At least the minimum, and as many for each as the weights say."""
    owners = Counter(owner for _, owner in ring_positions(_keys(3), [1.0, 2.0, 4.0], minimum=100))
    assert owners == {0: 15, 1: 30, 2: 60}


def test_size_is_capped() -> None:
    """The maximum wins, and then fractions are spread by running sums."""
    owners = Counter(
        owner for _, owner in ring_positions(_keys(4), [1.0] * 4, minimum=6, maximum=6)
    )
    assert owners == {0: 2, 1: 1, 2: 2, 3: 1}


@pytest.mark.parametrize("count", range(1, 33))
def test_steady_size_is_the_same_for_each(count: int) -> None:
    """Up to 32 endpoints of one weight have 512 positions each."""
    weights = [3.0] * count
    owners = Counter(
        owner for _, owner in ring_positions(_keys(count), weights, minimum=steady_size(weights))
    )
    assert {512} == set(owners.values())
    assert count == len(owners)


def test_steady_size_is_capped() -> None:
    """Many endpoints share 16384 positions, each with a whole number."""
    weights = [1.0] * 3000
    assert len(ring_positions(_keys(3000), weights, minimum=steady_size(weights))) == 18_000


@given(count=st.integers(2, 12), gone=st.integers(0, 11), digests=st.lists(DIGESTS, min_size=50))
def test_only_keys_of_the_one_that_left_move(count: int, gone: int, digests: list[int]) -> None:
    """On a steady ring each key of the others stays where it was."""
    gone %= count
    keys = _keys(count)
    left = keys[:gone] + keys[gone + 1 :]
    before = Ring(ring_positions(keys, [1.0] * count, minimum=steady_size([1.0] * count)))
    after = Ring(ring_positions(left, [1.0] * len(left), minimum=steady_size([1.0] * len(left))))
    for digest in digests:
        owner = keys[before.owner(digest)]
        if owner != keys[gone]:
            assert owner == left[after.owner(digest)]


def test_twice_as_many_keys_move_with_a_fixed_minimum() -> None:
    """Envoy's sizes: a tenth of the keys were its own, and as many follow new positions."""
    keys = _keys(10)
    before = Ring(ring_positions(keys, [1.0] * 10))
    after = Ring(ring_positions(keys[:-1], [1.0] * 9))
    digests = [number * (2**64 // 5000) + 12345 for number in range(5000)]
    moved = sum(before.owner(digest) != after.owner(digest) for digest in digests)
    assert 0.15 < moved / 5000 < 0.22
