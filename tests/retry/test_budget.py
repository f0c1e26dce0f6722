"""The retry budget, against Finagle's own table and a naive model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import floor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.retry import BudgetOptions, RetryBudget

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "finagle_budget.json").read_text())


def budget(ratio: float = 0.1, min_per_second: float = 0.0, ttl: float = 10.0) -> RetryBudget:
    """Make a budget without reserve unless it is asked for."""
    return RetryBudget(BudgetOptions(ratio=ratio, min_per_second=min_per_second, ttl=ttl))


def drain(subject: RetryBudget, now: float) -> int:
    """Withdraw all there is."""
    granted = 0
    while subject.try_withdraw(now):
        granted += 1
    return granted


@pytest.mark.parametrize(("ttl", "min_per_second", "ratio"), VECTORS["rows"])
def test_grants_as_published(ttl: float, min_per_second: float, ratio: float) -> None:
    """Of 10,000 calls that each want a retry, so many get it as in Finagle."""
    subject = budget(ratio, min_per_second, ttl)
    granted = 0
    for _ in range(10_000):
        subject.deposit(5.0)
        granted += subject.try_withdraw(5.0)
    assert granted == pytest.approx(int(10_000 * ratio) + min_per_second * ttl, abs=1)
    assert 10_000 - granted == subject.refused


def test_defaults_are_a_tenth_and_ten_a_second() -> None:
    """A new client may make 100 retries, and ten calls earn another."""
    subject = RetryBudget()
    assert 100 == subject.balance(0.0)
    for _ in range(10):
        subject.deposit(0.0)
    assert 101 == subject.balance(0.0)


def test_is_always_empty_when_nothing_is_allowed() -> None:
    """Ratio 0 without a reserve refuses every retry, and counts it."""
    subject = budget(0.0, 0.0)
    for _ in range(1000):
        subject.deposit(1.0)
    assert 0 == subject.balance(1.0)
    assert not subject.try_withdraw(1.0)
    assert 1 == subject.refused


def test_reserve_alone_is_rate_limited_when_ratio_is_zero() -> None:
    """With time as the only credit, what is taken returns after *ttl*."""
    subject = budget(0.0, 0.5, 10.0)
    assert 5 == drain(subject, 100.0)
    subject.deposit(100.0)
    assert not subject.try_withdraw(109.9)
    assert 5 == drain(subject, 110.0)


def test_deposits_expire_after_ttl() -> None:
    """What calls of long ago have earned is gone."""
    subject = budget(0.5)
    for _ in range(10):
        subject.deposit(0.0)
    assert 5 == subject.balance(9.99)
    assert 0 == subject.balance(10.0)


@pytest.mark.parametrize("ttl", [0.5, 2.0, 60.0])
def test_window_is_as_long_as_its_ttl(ttl: float) -> None:
    """A tenth of *ttl* is a slot, whatever its length."""
    subject = budget(1.0, ttl=ttl)
    subject.deposit(ttl * 20.05)
    subject.deposit(ttl * 20.15)
    expected = [2, 2, 1, 1, 0]
    later = (20.15, 20.95, 21.05, 21.09, 21.15)
    assert expected == [subject.balance(ttl * times) for times in later]


def test_deposit_on_the_border_is_in_the_slot_that_begins() -> None:
    """A slot ends before its end."""
    subject = budget(1.0)
    subject.deposit(0.5)
    subject.deposit(1.0)
    assert 1 == subject.balance(10.5)
    assert 0 == subject.balance(11.0)


def test_deposits_expire_slot_by_slot() -> None:
    """The window moves in tenths."""
    subject = budget(1.0)
    for second in range(10):
        subject.deposit(second + 0.5)
    assert [10, 9, 8, 5, 0] == [subject.balance(now) for now in (9.9, 10.0, 11.9, 14.0, 19.0)]


def test_refusal_takes_nothing() -> None:
    """A withdrawal that is refused leaves the balance as it was."""
    subject = budget(0.5)
    subject.deposit(0.0)
    assert not subject.try_withdraw(0.0)
    subject.deposit(0.0)
    assert subject.try_withdraw(0.0)
    assert not subject.try_withdraw(0.0)


def test_balance_is_never_negative() -> None:
    """Deposits expire before the withdrawals they paid for; the debt is no balance."""
    subject = budget(1.0)
    subject.deposit(0.0)
    assert subject.try_withdraw(9.5)
    assert 0 == subject.balance(10.5)
    subject.deposit(10.5)
    assert not subject.try_withdraw(10.5)
    assert 1 == subject.balance(19.5)


def test_window_restarts_after_a_long_silence() -> None:
    """A gap of any length expires everything."""
    subject = budget(1.0)
    subject.deposit(0.0)
    subject.deposit(1e9)
    assert 1 == subject.balance(1e9)


def test_late_thread_counts_in_the_present() -> None:
    """A thread that read the clock before another's slot began expires nothing."""
    subject = budget(1.0)
    for second in range(10):
        subject.deposit(second + 0.5)
    subject.deposit(8.5)
    subject.deposit(9.5)
    assert 12 == subject.balance(9.9)


def test_clock_that_jumps_back_keeps_the_window_moving() -> None:
    """After a step back nothing is lost at once, and what is old expires *ttl* later."""
    subject = budget(1.0)
    subject.deposit(1000.0)
    assert 1 == subject.balance(500.0)
    subject.deposit(500.0)
    assert 2 == subject.balance(509.9)
    assert 0 == subject.balance(510.0)
    subject.deposit(1000.0)
    subject.deposit(500.0)
    assert 0 == subject.balance(510.0)


def test_works_before_the_clock_is_positive() -> None:
    """A monotonic clock may begin anywhere."""
    subject = budget(1.0)
    subject.deposit(-1e6)
    assert 1 == subject.balance(-1e6 + 9.9)
    assert 0 == subject.balance(-1e6 + 10.0)


def test_costs_stay_finite_when_ratio_is_denormal() -> None:
    """The smallest ratio there is allows its reserve and nothing more."""
    subject = budget(5e-324, 1e300, 1e5)
    subject.deposit(0.0)
    assert 0 < subject.balance(0.0)
    assert subject.try_withdraw(0.0)


def test_renewed_budget_starts_anew() -> None:
    """A forked child does not spend what its parent's calls have earned."""
    subject = budget(1.0)
    lock = subject._lock
    subject.deposit(5.0)
    with lock:
        subject.renew()
        assert 0 == subject.balance(5.0)
    subject.deposit(5.0)
    assert 1 == subject.balance(5.0)


@pytest.mark.parametrize("options", [{"ttl": 1e-9}, {"min_per_second": float("inf")}])
def test_options_reject_what_cannot_be_counted(options: dict[str, float]) -> None:
    """A window has a length, and a rate is a number."""
    with pytest.raises(ConfigurationError):
        BudgetOptions.model_validate(options)


def in_threads(work: Callable[[], int], threads: int = 8) -> int:
    """Let all do *work* at once, and add up what they return."""
    start = threading.Barrier(threads)

    def begin() -> int:
        start.wait()
        return work()

    with ThreadPoolExecutor(threads) as pool:
        return sum(future.result() for future in [pool.submit(begin) for _ in range(threads)])


def test_grants_exactly_once_across_threads() -> None:
    """Threads that withdraw at once share one balance."""
    subject = budget(0.5)
    for _ in range(4000):
        subject.deposit(1.0)
    granted = in_threads(lambda: sum(subject.try_withdraw(1.0) for _ in range(300)))
    assert 2000 == granted
    assert 400 == subject.refused


def test_grants_no_more_than_threads_deposit() -> None:
    """Deposits may be lost when two are made at once; withdrawals and refusals never are."""
    subject = budget(0.5)

    def work() -> int:
        granted = 0
        for _ in range(500):
            subject.deposit(1.0)
            granted += subject.try_withdraw(1.0)
        return granted

    granted = in_threads(work)
    assert 4000 == granted + subject.refused
    assert 0 < granted + drain(subject, 1.0) <= 2000


def test_deposit_that_is_overtaken_by_a_new_slot_brings_nothing_back() -> None:
    """What the slot before had earned is not counted twice when a thread is late to add."""

    class Interrupted(list[int]):
        """The deposits of a slot, which ends while one is being made."""

        def __setitem__(self, index: Any, value: Any) -> None:
            assert 5 == subject.balance(1.0)
            super().__setitem__(index, value)

    subject = budget(1.0)
    for _ in range(5):
        subject.deposit(0.5)
    subject._calls = Interrupted(subject._calls)
    subject.deposit(0.5)
    assert 5 <= subject.balance(9.9) <= 6
    assert 0 == subject.balance(10.0)


@given(
    ratio=st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]),
    min_per_second=st.sampled_from([0.0, 0.2, 1.0]),
    steps=st.lists(
        st.tuples(st.sampled_from(["deposit", "withdraw"]), st.sampled_from([0, 0, 0.3, 1, 4, 30])),
        max_size=60,
    ),
)
@settings(deadline=None)
def test_agrees_with_a_naive_window(
    ratio: float, min_per_second: float, steps: list[tuple[str, float]]
) -> None:
    """The rolled sums equal a list of all entries, filtered by slot."""
    subject = budget(ratio, min_per_second)
    cost = int(1000 / ratio) if ratio else 1
    reserve = int(min_per_second * 10 * cost)
    entries: list[tuple[int, int]] = []
    now = 0.0
    for step, advance in steps:
        now += advance
        slot = floor(now)
        held = reserve + sum(amount for when, amount in entries if when > slot - 10)
        if step == "deposit":
            subject.deposit(now)
            entries.append((slot, 1000 if ratio else 0))
        else:
            assert (held >= cost) is subject.try_withdraw(now)
            if held >= cost:
                entries.append((slot, -cost))
    held = reserve + sum(amount for when, amount in entries if when > floor(now) - 10)
    assert max(0, held // cost) == subject.balance(now)
