"""The Maglev table, against Envoy's own tables and a naive build."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from meshlib.balancing import maglev_table


def _keys(count: int) -> list[str]:
    return [f"10.0.0.{number}:8080" for number in range(count)]


def _naive(keys: list[str], weights: list[float], size: int) -> list[int]:
    """Build the table as the definition reads, round by round."""
    order = sorted(range(len(keys)), key=lambda index: keys[index])
    total = sum(weights)
    most = max(weight / total for weight in weights)
    targets = [0.0] * len(keys)
    steps = [0] * len(keys)
    table = [-1] * size
    filled = iteration = 0
    while filled < size:
        iteration += 1
        for index in order:
            if filled == size or iteration * (weights[index] / total) < targets[index]:
                continue
            targets[index] += most
            key = keys[index].encode()
            offset = xxh64_intdigest(key, 0) % size
            skip = xxh64_intdigest(key, 1) % (size - 1) + 1
            while table[slot := (offset + steps[index] * skip) % size] >= 0:
                steps[index] += 1
            table[slot] = index
            filled += 1
    return table


def test_tables_are_as_published(vectors: dict[str, Any]) -> None:
    """Every table that Envoy's tests print, slot by slot."""
    for row in vectors["maglev"]["tables"]:
        assert row["table"] == list(maglev_table(row["keys"], row["weights"], row["M"]))


@given(
    weights=st.lists(
        st.one_of(st.just(1.0), st.integers(1, 100).map(float), st.floats(0.01, 100)),
        min_size=1,
        max_size=30,
    ),
    size=st.sampled_from([2, 7, 31, 127, 131, 509]),
)
def test_table_is_that_of_the_definition(weights: list[float], size: int) -> None:
    """The heap of turns, the probing and the last slots change nothing."""
    keys = _keys(len(weights))[::-1]
    assert _naive(keys, weights, size) == list(maglev_table(keys, weights, size))


def test_slots_are_even() -> None:
    """Equal weights own the same number of slots, but for one."""
    counts = Counter(maglev_table(_keys(10), [1.0] * 10, 1009))
    assert {100, 101} == set(counts.values())


def test_slots_follow_the_weights() -> None:
    """A weight of three owns three times the slots."""
    counts = Counter(maglev_table(_keys(3), [1.0, 3.0, 1.0], 1009))
    assert counts[1] / counts[0] == pytest.approx(3, rel=0.05)


def test_few_slots_move_when_one_leaves() -> None:
    """Its own slots, and a few more."""
    keys = _keys(10)
    before = maglev_table(keys, [1.0] * 10, 10007)
    after = maglev_table(keys[:-1], [1.0] * 9, 10007)
    moved = sum(a != b for a, b in zip(before, after, strict=True))
    assert 0.09 < moved / 10007 < 0.25


def test_more_endpoints_than_two_bytes_tell_apart() -> None:
    """Indices above 65535 fit."""
    keys = [str(number) for number in range(65537)]
    table = maglev_table(keys, [1.0] * 65537, 7)
    assert all(keys[index] in sorted(keys)[:7] for index in table)
