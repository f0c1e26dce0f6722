"""Whole rollouts: 200 of each kind, every call drawn, with seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshlib.routing.canary import CanaryState
from support.canary import SCENARIOS, Scenario, rates, simulate


def test_no_regression_is_promoted() -> None:
    """Of 200 rollouts of a canary that is like the stable version at most 5 % are lost."""
    found = rates(SCENARIOS["no regression"])
    print(found)
    assert found.promoted >= 0.95
    assert 1.0 == pytest.approx(found.promoted + found.rolled_back)


@pytest.mark.parametrize("name", ["2 % extra errors", "30 % slower"])
def test_a_regression_is_rolled_back(name: str) -> None:
    """In at least 99 % of 200 rollouts, though its p99 is far below the absolute limit."""
    found = rates(SCENARIOS[name])
    print(found)
    assert found.rolled_back >= 0.99


def test_what_is_allowed_is_not_held_against_the_canary() -> None:
    """Half a percent more failures, and a p99 a tenth higher, are the limit and not beyond it."""
    found = rates(SCENARIOS["as much worse as is allowed"], runs=60)
    print(found)
    assert found.rolled_back <= 0.05


def test_a_storm_over_both_versions_is_not_held_against_the_canary() -> None:
    """An outage behind both fails a check or two, and proves nothing."""
    found = rates(SCENARIOS["no regression, a storm over both"], runs=40)
    print(found)
    assert found.promoted >= 0.95


def test_without_calls_it_waits() -> None:
    """A call a minute promotes nothing, and rolls nothing back."""
    found = simulate(Scenario(calls_per_second=0, longest=1000), seed=1)
    assert (CanaryState.PROGRESSING, 0) == (found.state, found.canary_calls)


def test_an_outright_failure_ends_within_a_block() -> None:
    """A canary that fails every call has its last one seconds later."""
    found = simulate(replace(SCENARIOS["no regression"], extra_failures=1.0), seed=1)
    assert CanaryState.ROLLED_BACK is found.state
    assert found.seconds <= 20
