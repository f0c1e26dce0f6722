"""Defects found in other libraries, which must not be found here."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

import meshlib.retry
from meshlib._models import BROKEN, NEVER_SENT, UNAVAILABLE, OutcomeClass
from meshlib.retry import BackoffOptions, BudgetOptions, RetryBudget, RetryOptions, RetryPolicy


def policy(**options: object) -> RetryPolicy:
    """Make a policy with *options* and a fixed seed."""
    return RetryPolicy(RetryOptions.model_validate(options), rng=random.Random(0))


@pytest.mark.parametrize("outcome", [UNAVAILABLE, BROKEN, NEVER_SENT])
def test_put_with_a_consumed_body_is_not_sent_again(outcome: OutcomeClass) -> None:
    """PUT is idempotent, yet an iterator that was read would be sent empty and answered 200."""
    made = policy()
    put = made.is_idempotent("PUT")
    assert made.may_retry(outcome, idempotent=put, replayable=True)
    assert not made.may_retry(outcome, idempotent=put, replayable=False)


def test_streamed_bodies_are_not_buffered_unless_asked_for() -> None:
    """Turning retries on must not read every upload into memory."""
    assert 0 == policy().buffer_body


@pytest.mark.parametrize("outcome", [UNAVAILABLE, BROKEN])
def test_post_is_not_sent_again_when_it_may_have_acted(outcome: OutcomeClass) -> None:
    """A POST that timed out or met a 503 may have charged the card already."""
    made = policy()
    post = made.is_idempotent("POST")
    assert not made.may_retry(outcome, idempotent=post, replayable=True)


def test_post_is_sent_again_when_it_never_left() -> None:
    """A refused connection is safe for every method."""
    made = policy()
    post = made.is_idempotent("POST")
    assert made.may_retry(NEVER_SENT, idempotent=post, replayable=True)


def test_calls_at_the_same_time_do_not_share_their_place_on_the_curve() -> None:
    """Two interleaved calls both wait 0.1, 0.2, 0.4, 0.8 from one policy."""
    backoff = BackoffOptions(initial=0.1, max=10.0, jitter="none")
    made = policy(backoff=backoff)
    pairs = [(made.backoff(number), made.backoff(number)) for number in (1, 2, 3, 4)]
    expected = [0.1, 0.2, 0.4, 0.8]
    assert expected == pytest.approx([first for first, _ in pairs])
    assert expected == pytest.approx([second for _, second in pairs])


def test_budget_is_one_for_all_its_users() -> None:
    """What one call withdraws is gone for every other, retry or hedge."""
    budget = RetryBudget(BudgetOptions(ratio=0.5, min_per_second=0))
    for _ in range(4):
        budget.deposit(0.0)
    first = [budget.try_withdraw(0.0) for _ in range(2)]
    second = [budget.try_withdraw(0.0) for _ in range(2)]
    assert [True, True] == first
    assert [False, False] == second


def test_budgets_of_two_services_are_apart() -> None:
    """A storm against one service does not use up the retries of another."""
    storm = RetryBudget(BudgetOptions(ratio=0, min_per_second=0.1))
    calm = RetryBudget(BudgetOptions(ratio=0, min_per_second=0.1))
    assert storm.try_withdraw(0.0)
    assert not storm.try_withdraw(0.0)
    assert calm.try_withdraw(0.0)


def test_clock_and_chance_are_not_taken_from_the_world() -> None:
    """No module of the family imports a clock, and none draws from the global generator."""
    root = Path(meshlib.retry.__file__).parent
    importers = []
    for path in sorted(root.glob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert "time" not in [name.name for name in node.names]
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                assert node.module != "time"
                if node.module.split(".")[0] == "tenacity":
                    importers.append(path.name)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "random" or node.attr == "Random", path.name
    assert {"_backoff.py"} == set(importers)
