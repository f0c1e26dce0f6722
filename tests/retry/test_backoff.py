"""The wait after each failed attempt."""

from __future__ import annotations

import random
from typing import Any

import pytest
import tenacity
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.retry import BackoffOptions, RetryOptions, RetryPolicy


def waits(count: int, seed: int = 0, wait: object = None, **options: Any) -> list[float]:
    """Give the waits after the first *count* attempts."""
    backoff = BackoffOptions.model_validate(options)
    policy = RetryPolicy(RetryOptions(backoff=backoff, wait=wait), rng=random.Random(seed))
    return [policy.backoff(number) for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]),
        ({"initial": 1, "multiplier": 3, "max": 20}, [1, 3, 9, 20, 20]),
        ({"initial": 2, "multiplier": 1, "max": 20}, [2, 2, 2]),
        ({"initial": 5, "max": 2}, [2, 2]),
        ({"initial": 0, "max": 2}, [0, 0, 0]),
        ({"initial": 2, "max": 0}, [0, 0]),
        ({"kind": "linear", "initial": 1, "max": 4}, [1, 2, 3, 4, 4]),
        ({"kind": "linear", "initial": 1, "increment": 2, "max": 6}, [1, 3, 5, 6]),
        ({"kind": "linear", "initial": 1, "increment": 0, "max": 6}, [1, 1, 1]),
        ({"kind": "constant", "initial": 0.5}, [0.5, 0.5, 0.5]),
        ({"kind": "constant", "initial": 5, "max": 2}, [2, 2]),
        ({"kind": "fibonacci", "initial": 1, "max": 20}, [1, 1, 2, 3, 5, 8, 13, 20, 20]),
        ({"kind": "fibonacci", "initial": 0, "max": 20}, [0, 0, 0]),
        ({"kind": "fibonacci", "initial": 5, "max": 2}, [2, 2]),
    ],
)
def test_curve_without_jitter(options: dict[str, Any], expected: list[float]) -> None:
    """Each kind follows its curve and stops at its maximum."""
    assert expected == pytest.approx(waits(len(expected), jitter="none", **options))


@pytest.mark.parametrize("kind", ["exponential", "fibonacci", "linear", "constant"])
def test_curve_is_finite_when_number_is_huge(kind: str) -> None:
    """No attempt number overflows."""
    options = BackoffOptions.model_validate({"kind": kind, "jitter": "none"})
    policy = RetryPolicy(RetryOptions(backoff=options), rng=random.Random(0))
    assert (0.025 if kind == "constant" else 1.0) == policy.backoff(10**6)


def test_full_jitter_draws_between_nothing_and_the_wait() -> None:
    """Full jitter is the wait times a draw, so that retries spread over all of it."""
    draws = random.Random(7)
    expected = [wait * draws.random() for wait in (0.025, 0.05, 0.1)]
    assert expected == pytest.approx(waits(3, seed=7))


def test_equal_jitter_keeps_half() -> None:
    """Equal jitter is half of the wait and a draw of the other half."""
    draws = random.Random(7)
    expected = [wait * (1 + draws.random()) / 2 for wait in (0.025, 0.05, 0.1)]
    assert expected == pytest.approx(waits(3, seed=7, jitter="equal"))


def test_jitter_is_repeatable_when_seeded() -> None:
    """One seed gives one sequence."""
    assert waits(5, seed=3) == waits(5, seed=3)
    assert waits(5, seed=3) != waits(5, seed=4)


@given(
    kind=st.sampled_from(["exponential", "fibonacci", "linear", "constant"]),
    jitter=st.sampled_from(["full", "equal", "none"]),
    initial=st.floats(0, 1e6),
    longest=st.floats(0, 1e6),
    multiplier=st.floats(1, 1e3),
    number=st.integers(1, 2000),
)
@settings(deadline=None)
def test_wait_is_within_its_bounds(
    kind: str, jitter: str, initial: float, longest: float, multiplier: float, number: int
) -> None:
    """Whatever is set, a wait is at least 0 and at most *max*."""
    options = BackoffOptions.model_validate({
        "kind": kind, "jitter": jitter, "initial": initial, "max": longest,
        "multiplier": multiplier,
    })  # fmt: skip
    policy = RetryPolicy(RetryOptions(backoff=options), rng=random.Random(0))
    assert 0.0 <= policy.backoff(number) <= longest


def test_tenacity_chain_replaces_backoff_and_jitter() -> None:
    """A strategy of tenacity is used as it is."""
    chain = tenacity.wait_chain(*(tenacity.wait_fixed(n) for n in (3, 1, 2)))
    assert [3, 1, 2, 2] == waits(4, wait=chain)


def test_tenacity_sum_replaces_backoff() -> None:
    """Strategies may be added."""
    both = tenacity.wait_fixed(1) + tenacity.wait_incrementing(start=1, increment=2)
    assert [2, 4, 6] == waits(3, wait=both)


def test_tenacity_random_strategy_stays_random_within_its_bounds() -> None:
    """A strategy that draws for itself is not drawn from a second time."""
    strategy = tenacity.wait_random(min=5, max=6)
    assert all(5 <= wait <= 6 for wait in waits(50, wait=strategy))


def test_tenacity_sees_the_error_of_the_attempt() -> None:
    """Strategies that look at the exception get it."""
    strategy = tenacity.wait_exception(lambda error: float(str(error)))
    policy = RetryPolicy(RetryOptions(wait=strategy), rng=random.Random(0))
    assert 4.0 == policy.backoff(1, ValueError("4"))


@pytest.mark.parametrize("strange", [-1.0, float("nan"), 0])
def test_strange_wait_is_none(strange: float) -> None:
    """A strategy cannot ask for a negative wait, or for none that is a number."""
    assert [0.0] == waits(1, wait=lambda _state: strange)


def test_wait_must_be_callable() -> None:
    """A document cannot set a Python strategy."""
    with pytest.raises(ConfigurationError, match="tenacity wait strategy"):
        RetryOptions(wait=2.0)
