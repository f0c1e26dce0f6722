"""When a hedge starts."""

from __future__ import annotations

import random
import threading
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.retry import HedgeOptions, HedgePolicy
from meshlib.retry._quantile import MovingQuantile


def fill(policy: HedgePolicy, elapsed: float, now: float, count: int = 20) -> None:
    """Observe *elapsed* so many times at *now*."""
    for _ in range(count):
        policy.observe(elapsed, now)


def about(seconds: float) -> object:
    """Match what is at or up to 1/16 above *seconds*."""
    return pytest.approx(seconds * 33 / 32, rel=1 / 32)


def test_fixed_delay_needs_no_observations() -> None:
    """A delay that is set is used from the first call on, also below the floor."""
    policy = HedgePolicy(HedgeOptions(delay=0.2, min_delay=0.5, max_hedges=2))
    fill(policy, 3.0, 0.0)
    assert 0.2 == policy.delay(0.0)
    assert 2 == policy.max_hedges
    assert 0 == policy._quantile.count


def test_measured_delay_is_unknown_until_enough_was_seen() -> None:
    """Nineteen attempts are no 95th percentile; the twentieth makes one at once."""
    policy = HedgePolicy(HedgeOptions())
    assert policy.delay(0.0) is None
    fill(policy, 0.1, 0.0, 19)
    assert policy.delay(0.0) is None
    policy.observe(0.1, 0.0)
    assert about(0.1) == policy.delay(0.0)
    assert 1 == policy.max_hedges


def test_measured_delay_is_the_quantile() -> None:
    """Of 100 attempts, five are slower than the delay."""
    policy = HedgePolicy(HedgeOptions())
    for number in range(1, 101):
        policy.observe(number / 100, 0.0)
    assert about(0.95) == policy.delay(0.0)


def test_measured_delay_counts_whole_attempts() -> None:
    """Of 20 attempts two are above the 90th percentile, though 1 - 0.9 is less than 0.1."""
    policy = HedgePolicy(HedgeOptions(quantile=0.9))
    for number in range(20):
        policy.observe(2.0**number / 1024, 0.0)
    assert about(2.0**17 / 1024) == policy.delay(0.0)


def test_measured_delay_is_the_longest_when_all_are() -> None:
    """Durations beyond the last bucket are found there in both windows."""
    policy = HedgePolicy(HedgeOptions())
    fill(policy, 5000.0, 0.0)
    fill(policy, 0.1, 15.0)
    assert policy.delay(15.0) == 1024.0


def test_measured_delay_has_a_floor() -> None:
    """A service that answers in microseconds is not hedged within them."""
    policy = HedgePolicy(HedgeOptions(min_delay=0.001))
    fill(policy, 0.00001, 0.0)
    assert 0.001 == policy.delay(0.0)


def test_measured_delay_is_refreshed_every_three_seconds() -> None:
    """Between refreshes a delay costs nothing; after them it is up to date."""
    policy = HedgePolicy(HedgeOptions(quantile=0.5))
    fill(policy, 0.1, 100.0)
    first = policy.delay(100.0)
    fill(policy, 1.0, 100.0, 100)
    assert [first] * 3 == [policy.delay(now) for now in (100.0, 100.5, 102.9)]
    assert about(1.0) == policy.delay(103.0)


def test_measured_delay_is_refreshed_when_the_clock_steps_back() -> None:
    """A refresh that lies in the future does not hold the delay for ever."""
    policy = HedgePolicy(HedgeOptions(quantile=0.5))
    fill(policy, 0.1, 100.0)
    policy.delay(100.0)
    fill(policy, 1.0, 50.0, 100)
    assert about(1.0) == policy.delay(50.0)


def test_measured_delay_forgets_after_two_windows() -> None:
    """Thirty seconds later only what came since counts."""
    policy = HedgePolicy(HedgeOptions())
    fill(policy, 9.0, 0.0, 1000)
    fill(policy, 0.1, 15.0)
    assert about(9.0) == policy.delay(15.0)
    fill(policy, 0.1, 30.0)
    assert about(0.1) == policy.delay(30.0)


def test_window_does_not_turn_early() -> None:
    """A window lasts its 15 seconds whatever was counted."""
    policy = HedgePolicy(HedgeOptions())
    fill(policy, 9.0, 0.0, 1000)
    fill(policy, 0.1, 14.9)
    fill(policy, 0.1, 29.8)
    assert about(9.0) == policy.delay(29.8)


def test_quiet_service_remembers_for_longer() -> None:
    """A window with too few attempts is kept, or a service with few calls had no delay."""
    policy = HedgePolicy(HedgeOptions())
    for hour in range(40):
        policy.observe(0.1, hour * 3600.0)
    assert about(0.1) == policy.delay(40 * 3600.0)


def test_window_goes_on_when_the_clock_steps_back() -> None:
    """After a step back a window lasts its length from there."""
    quantile = MovingQuantile(0.5, window=10.0, minimum=1)
    quantile.add(1.0, 1000.0)
    quantile.add(1.0, 0.0)
    quantile.add(1.0, 9.0)
    assert 3 == quantile.count
    quantile.add(1.0, 10.0)
    quantile.add(1.0, 20.0)
    assert 2 == quantile.count


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, 2**-21 * 17 / 16),
        (-1.0, 2**-21 * 17 / 16),
        (float("nan"), 2**-21 * 17 / 16),
        (1024.0, 1024.0),
        (1e9, 1024.0),
        (float("inf"), 1024.0),
        (1.0, 17 / 16),
        (1.99, 2.0),
    ],
)
def test_durations_out_of_range_count_as_the_nearest(seconds: float, expected: float) -> None:
    """Nothing that a clock can yield breaks the histogram."""
    quantile = MovingQuantile(0.5, window=10.0, minimum=1)
    quantile.add(seconds, 0.0)
    assert expected == quantile.value()


@given(
    durations=st.lists(st.floats(1e-6, 1000.0), min_size=20, max_size=200),
    percent=st.integers(1, 99),
)
@settings(deadline=None)
def test_quantile_is_within_its_error(durations: list[float], percent: int) -> None:
    """The value is never below the exact quantile and at most 1/16 above it."""
    quantile = MovingQuantile(percent / 100, window=15.0, minimum=20)
    for duration in durations:
        quantile.add(duration, 0.0)
    exact = sorted(durations)[ceil(len(durations) * percent / 100 - 1e-9) - 1]
    value = quantile.value()
    assert value is not None
    assert exact <= value <= exact * 17 / 16


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
def test_no_more_than_promised_are_hedged(quantile: float) -> None:
    """On steady lognormal latency the share of slower attempts is about 1 - quantile."""
    rng = random.Random(1)
    policy = HedgePolicy(HedgeOptions(quantile=quantile))
    sent = hedged = 0
    for number in range(5000):
        now = number * 0.01
        elapsed = rng.lognormvariate(-4.6, 0.5)
        delay = policy.delay(now)
        if delay is not None:
            sent += 1
            hedged += elapsed > delay
        policy.observe(elapsed, now)
    assert 0.6 * (1 - quantile) <= hedged / sent <= 1.15 * (1 - quantile)


def test_renewed_policy_keeps_what_it_knows() -> None:
    """A forked child takes a new lock and hedges as its parent did."""
    policy = HedgePolicy(HedgeOptions())
    fill(policy, 0.1, 0.0)
    with policy._lock:
        policy.renew()
        assert about(0.1) == policy.delay(0.0)


def test_threads_lose_no_observation() -> None:
    """Every attempt counts, whoever made it."""
    policy = HedgePolicy(HedgeOptions())
    threads = [threading.Thread(target=fill, args=(policy, 0.1, 0.0, 2000)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 16_000 == policy._quantile.count
