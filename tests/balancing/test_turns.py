"""Round robin, random and weighted picks."""

from __future__ import annotations

import random
import threading
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.balancing import BalancerOptions, make_balancer
from meshlib.balancing._static_stride import (
    MAX_WEIGHT,
    StaticStride,
    is_picked,
    scale_weights,
    split_heavy,
)


def _balancer(name: str, seed: int = 1) -> Any:
    return make_balancer(BalancerOptions.model_validate(name), random.Random(seed))


def _urls(picker: Any, info: Any, times: int) -> list[str]:
    return [picker(info).endpoint.url for _ in range(times)]


def test_round_robin_takes_turns_whatever_the_weights(make_targets: Any, make_info: Any) -> None:
    """Each candidate comes once a round, in their order."""
    targets = make_targets([1.0, 9.0, 3.0])
    picker = _balancer("round_robin").prepare(targets)
    picked = [picker(make_info()) for _ in range(9)]
    at = targets.index(picked[0])
    assert [targets[(at + turn) % 3] for turn in range(9)] == picked


@pytest.mark.parametrize("name", ["round_robin", "weighted"])
def test_cursor_outlives_a_change(make_targets: Any, make_info: Any, name: str) -> None:
    """Preparing again goes on where the last picker was, so that the last is not starved."""
    targets = make_targets(7)
    balancer = _balancer(name)
    picked = Counter(balancer.prepare(targets)(make_info()).endpoint.url for _ in range(70))
    assert {10} == set(picked.values())
    assert len(picked) == 7


@pytest.mark.parametrize("name", ["round_robin", "weighted"])
def test_cursor_starts_anywhere(make_targets: Any, make_info: Any, name: str) -> None:
    """Processes that start together do not march in step, nor do forked ones."""
    targets = make_targets(7)
    firsts = {_balancer(name, seed).pick(targets, make_info()).endpoint.url for seed in range(40)}
    assert len(firsts) == 7
    balancer = _balancer(name)
    jumps = set()
    for _ in range(40):
        before = targets.index(balancer.pick(targets, make_info()))
        balancer.renew()
        jumps.add((targets.index(balancer.pick(targets, make_info())) - before) % 7)
    assert len(jumps) == 7


def test_cursor_is_shared_by_threads(make_targets: Any, make_info: Any) -> None:
    """No turn is lost or taken twice."""
    targets = make_targets(5)
    picker = _balancer("round_robin").prepare(targets)
    picked: list[str] = []
    threads = [
        threading.Thread(target=lambda: picked.extend(_urls(picker, make_info(), 1000)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {1000} == set(Counter(picked).values())


def test_round_robin_skips_turns_of_slow_starters(make_targets: Any, make_info: Any) -> None:
    """An endpoint with a fifth of its ramp gets a fifth of a share."""
    targets = make_targets(3)
    targets[1].load.ramp = 0.2
    picked = Counter(_urls(_balancer("round_robin").prepare(targets), make_info(), 2200))
    assert pytest.approx([picked[t.endpoint.url] for t in targets], abs=2) == [1000, 200, 1000]


def test_random_is_even(make_targets: Any, make_info: Any) -> None:
    """Each candidate is as likely as another, whatever the weights."""
    targets = make_targets([1.0, 9.0, 3.0, 1.0])
    picked = Counter(_urls(_balancer("random").prepare(targets), make_info(), 4000))
    assert all(abs(picked[target.endpoint.url] - 1000) < 150 for target in targets)


def test_random_is_no_cycle(make_targets: Any, make_info: Any) -> None:
    """The order of one round is not that of the next."""
    targets = make_targets(8)
    balancer = _balancer("random")
    urls = _urls(balancer.prepare(targets), make_info(), 16)
    assert urls[:8] != urls[8:]
    balancer.renew()
    assert balancer.pick(targets, make_info()) in targets


def _reference(weights: list[int], first: int, picks: int) -> list[int]:
    """Follow gRPC's definition word by word."""
    picked: list[int] = []
    turn = first
    while len(picked) < picks:
        index, generation = turn % len(weights), turn // len(weights)
        turn += 1
        if (weights[index] * generation + index * 32767) % 65535 >= 65535 - weights[index]:
            picked.append(index)
    return picked


def test_weighted_follows_static_stride(make_targets: Any, make_info: Any) -> None:
    """The sequence is that of gRPC's scheduler from the same turn."""
    targets = make_targets([1.0, 3.0, 2.0, 0.5])
    seed = 3
    start = random.Random(seed).getrandbits(24)
    picker = _balancer("weighted", seed).prepare(targets)
    picked = [targets.index(picker(make_info())) for _ in range(500)]
    assert _reference([21845, 65535, 43690, 10923], start, 500) == picked


def test_weights_are_scaled_to_two_bytes() -> None:
    """The largest becomes 65535, halves go up, as in gRPC."""
    assert scale_weights([1, 3, 2, 0.5]) == [21845, 65535, 43690, 10923]
    assert scale_weights([2, 1]) == [65535, 32768]


def test_unknown_weight_is_the_mean() -> None:
    """A weight of 0 counts as the mean of those that are known."""
    assert scale_weights([3, 0, 1]) == [65535, 43690, 21845]


@pytest.mark.parametrize("weights", [[5], [2, 2, 2], [0, 0, 7], [0, 0], [0, 4, 4]])
def test_plain_turns_when_weights_say_nothing(weights: list[float]) -> None:
    """Equal weights, or fewer than two known ones, are plain turns."""
    assert scale_weights(weights) is None


def test_tiny_weight_is_not_excluded() -> None:
    """A weight that would round to 0 becomes the least there is."""
    assert scale_weights([1e9, 1, 1e9]) == [65535, 1, 65535]


def test_turns_are_picks_in_proportion() -> None:
    """Of 65535 generations exactly as many turns are picks as the weight says."""
    for weight in (1, 777, 43690, MAX_WEIGHT):
        assert weight == sum(is_picked(weight, 3, generation) for generation in range(MAX_WEIGHT))


@given(weights=st.lists(st.floats(0.5, 100), min_size=2, max_size=12))
def test_weights_converge(make_targets: Any, make_info: Any, weights: list[float]) -> None:
    """The picks are in proportion to the weights, within a few."""
    targets = make_targets(weights)
    picks = 3000
    picked = Counter(_urls(_balancer("weighted").prepare(targets), make_info(), picks))
    for target, weight in zip(targets, weights, strict=True):
        fair = picks * weight / sum(weights)
        assert abs(picked[target.endpoint.url] - fair) <= 0.02 * picks


def test_few_turns_need_no_split() -> None:
    """Weights of the same order keep gRPC's sequence."""
    weights = [65535, 30000, 20000]
    assert (range(3), weights) == split_heavy(weights)


def test_heavy_weight_is_split() -> None:
    """One that dwarfs the others takes several turns, and its parts make the whole."""
    weights = [65535, *[7] * 999]
    turns, scaled = split_heavy(weights)
    assert len(turns) < 2 * len(weights)
    assert max(scaled) <= 4 * sum(scaled) / len(scaled)
    share = sum(weight for index, weight in zip(turns, scaled, strict=True) if index == 0)
    assert share / sum(scaled) == pytest.approx(65535 / sum(weights), rel=0.01)
    assert set(range(1000)) == set(turns)
    apart = [place for place, index in enumerate(turns) if index == 0]
    assert max(b - a for a, b in pairwise(apart)) <= 5


def test_heavy_weight_costs_few_turns(make_targets: Any, make_info: Any) -> None:
    """Thousands of light candidates do not make the picks of a heavy one slow."""
    targets = make_targets([5000.0, *[1.0] * 999])
    weights = scale_weights([target.load.weight for target in targets])
    assert weights is not None
    turns = iter(range(20_000))
    picker = StaticStride(targets, weights, turns)
    picked = Counter(picker.pick(make_info()).endpoint.url for _ in range(6000))
    assert 20_000 - len(list(turns)) < 4 * 6000
    assert picked[targets[0].endpoint.url] == pytest.approx(5000, rel=0.02)
