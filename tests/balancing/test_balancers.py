"""What holds for every balancer, and for those that users write."""

from __future__ import annotations

import random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import meshlib.balancing
from meshlib.balancing import BalancerName, BalancerOptions, make_balancer, prepare

NAMES = get_args(BalancerName)


def _balancer(name: str, seed: int = 1) -> Any:
    settings = {"maglev": {"table_size": 509}}.get(name, {})
    options = BalancerOptions.model_validate({name: settings})
    return make_balancer(options, random.Random(seed))


@pytest.mark.parametrize("name", NAMES)
def test_balancer_knows_its_name(name: str) -> None:
    """The name is that of the configuration, aliases included."""
    assert name == _balancer(name).name


@pytest.mark.parametrize("name", NAMES)
def test_single_candidate_is_picked(make_targets: Any, make_info: Any, name: str) -> None:
    """Where there is no choice, load, tried and key do not matter."""
    (target,) = make_targets(1)
    target.load.in_flight = 9
    balancer = _balancer(name)
    balancer.renew()
    info = make_info(hash_key="a", tried=[target])
    assert target is balancer.prepare((target,))(info) is balancer.pick([target], info)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(
    weights=st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=40),
    seed=st.integers(0, 2**32),
)
def test_picks_only_candidates_and_in_the_end_all(
    make_targets: Any, make_info: Any, name: str, weights: list[float], seed: int
) -> None:
    """Whatever completes when, nobody else is picked, and nobody starves."""
    targets = make_targets(weights)
    rng = random.Random(seed)
    picker = prepare(_balancer(name, seed), targets)
    running: list[Any] = []
    picked = set()
    now = 0.0
    for number in range(200 * len(targets)):
        now += 0.01
        target = picker(make_info(now, hash_key=f"{seed}-{number}"))
        assert target in targets
        picked.add(target)
        target.load.in_flight += 1
        running.append(target)
        if len(running) > 2 * len(targets):
            done = running.pop(rng.randrange(len(running)))
            done.load.in_flight -= 1
            done.load.observe(rng.uniform(0.01, 0.05), now)
        if len(picked) == len(targets):
            break
    assert picked == set(targets)


def test_alias_is_the_same_strategy() -> None:
    """`least_request` is what Envoy and gRPC call it."""
    assert type(_balancer("least_request")) is type(_balancer("least_connections"))


def test_own_balancer_is_asked_with_all_candidates(make_targets: Any, make_info: Any) -> None:
    """A balancer of a user's own needs nothing but `pick`."""
    targets = make_targets(3)
    asked = []

    class Last:
        """Picks the last one."""

        def pick(self, candidates: Any, info: Any) -> Any:
            """Remember what was asked."""
            asked.append((candidates, info))
            return candidates[-1]

    info = make_info(1.0)
    assert prepare(Last(), targets)(info) is targets[2]
    assert [(targets, info)] == asked


def test_names_are_sorted() -> None:
    """Everything public is exported, in order."""
    names = meshlib.balancing.__all__
    assert sorted(names) == sorted(set(names))
    assert all(hasattr(meshlib.balancing, name) for name in names)
