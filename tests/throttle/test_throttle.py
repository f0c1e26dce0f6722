"""The share of calls that is refused."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.throttle import Throttle, ThrottleOptions


def throttle_of(**options: object) -> Throttle:
    """A throttle whose chance repeats."""
    return Throttle(ThrottleOptions.model_validate(options), rng=random.Random(3))


def told(throttle: Throttle, now: float, requests: int, accepts: int) -> None:
    """Have it count so many, whether or not they are let in."""
    for number in range(requests):
        if throttle.admit(now):
            (throttle.accept if number < accepts else throttle.fail)(now)


@pytest.mark.parametrize(
    ("requests", "accepts", "multiplier", "share"),
    [
        (100, 100, 2, 0.0),
        (100, 50, 2, 0.0),
        (100, 40, 2, 20 / 101),
        (100, 10, 2, 80 / 101),
        (120, 90, 1.0, 30 / 121),
        (1000, 0, 2, 0.9),  # not more than this
    ],
)
def test_share_is_that_of_the_book(
    requests: int, accepts: int, multiplier: float, share: float
) -> None:
    """`max(0, (requests - K x accepts) / (requests + 1))`: Site Reliability Engineering, 21."""
    throttle = throttle_of(multiplier=multiplier)
    told(throttle, 1.0, requests, accepts)
    assert share == pytest.approx(throttle.share(1.0))


def test_refused_calls_count_as_requests() -> None:
    """Or the share would fall as soon as it works."""
    throttle = throttle_of()
    told(throttle, 1.0, 1000, 0)
    assert throttle.rejected > 700
    assert 0.9 == throttle.share(1.0)
    let_in = sum(throttle.admit(1.5) for _ in range(1000))
    assert 60 < let_in < 140


def test_twice_as_many_are_sent_as_are_accepted() -> None:
    """In the long run, of a service that accepts two hundred calls a second of a thousand."""
    throttle = throttle_of()
    sent = 0
    for tick in range(60 * 100):
        now, accepts = tick / 100, 2
        for _ in range(10):
            if throttle.admit(now):
                sent += now >= 30
                (throttle.accept if accepts > 0 else throttle.fail)(now)
                accepts -= 1
    assert 4.0 == pytest.approx(sent / 3000, rel=0.15)


def test_burst_is_not_refused() -> None:
    """Nothing is known yet of a thousand calls at once; when all have failed, it is."""
    throttle = throttle_of()
    assert all(throttle.admit(1.0) for _ in range(1000))
    assert 0.0 == throttle.share(1.5)
    for _ in range(1000):
        throttle.fail(1.5)
    assert 0.9 == throttle.share(1.5)
    assert 0.9 == throttle.share(10.9)
    assert 0.0 == throttle.share(11.5)  # what ended is known though it came before


def test_nothing_is_refused_of_few_calls() -> None:
    """Five a second of the window."""
    throttle = throttle_of()
    told(throttle, 1.0, 49, 0)
    assert 0.0 == throttle.share(1.0)
    told(throttle, 1.0, 1, 0)
    assert throttle.share(1.0) > 0.8


def test_what_was_counted_expires() -> None:
    """After the window, which moves by tenths."""
    throttle = throttle_of()
    told(throttle, 1.5, 100, 0)
    assert 0.9 == throttle.share(10.9)
    assert 0.0 == throttle.share(11.0)
    told(throttle, 11.0, 100, 0)
    assert 0.9 == throttle.share(3.0)  # the clock went back
    assert 0.0 == throttle.share(500.0)


def test_it_ends_when_calls_are_accepted() -> None:
    """Those that are let in are enough to see it."""
    throttle = throttle_of(min_rate=0)
    told(throttle, 0.0, 300, 0)
    now = 0.0
    while throttle.share(now) > 0.0:
        now += 0.01
        if throttle.admit(now):
            throttle.accept(now)
    assert now < 30.0


def test_call_that_says_nothing_is_taken_back() -> None:
    """As if it had not been made."""
    throttle = throttle_of(min_rate=0)
    told(throttle, 0.0, 10, 5)
    throttle.admit(0.0)
    throttle.take_back(0.0)
    assert 0.0 == throttle.share(0.0)


def test_the_sheddable_are_refused_first() -> None:
    """A share of 0.25 is a half of them, and a sixteenth of those that matter most."""
    refused = []
    for priority in range(4):
        throttle = throttle_of(min_rate=0)
        for number in range(20_000):
            admitted = throttle.admit(0.0, priority)
            if number % 8 < 3:
                throttle.accept(0.0)
                throttle._open += 1  # of a share that is given, whoever was let in
            if admitted:
                throttle.fail(0.0)
        refused.append(throttle.rejected / 20_000)
    assert [0.5, 0.354, 0.25, 0.0625] == pytest.approx(refused, abs=0.02)


def test_forked_child_starts_anew() -> None:
    """It has made no calls."""
    throttle = throttle_of()
    told(throttle, 1.0, 100, 0)
    throttle.renew()
    assert 0.0 == throttle.share(1.0)


def test_default_is_the_book_s() -> None:
    """Without options, too."""
    throttle = Throttle(rng=random.Random(1))
    told(throttle, 1.0, 100, 40)
    assert 20 / 101 == pytest.approx(throttle.share(1.0))


@given(
    st.lists(
        st.tuples(st.floats(-20, 20), st.sampled_from(["admit", "accept", "fail", "take_back"])),
        max_size=200,
    )
)
def test_share_is_one(steps: list[tuple[float, str]]) -> None:
    """From 0 to the most, whatever the clock does and however badly it is told."""
    throttle, now = throttle_of(min_rate=0), 0.0
    for step, what in steps:
        now += step
        getattr(throttle, what)(now)
        assert 0.0 <= throttle.share(now) <= 0.9


def test_threads_lose_no_call() -> None:
    """Half of the calls of four threads are accepted, so none is refused."""
    throttle = throttle_of()

    def work() -> None:
        for _ in range(500):
            throttle.admit(1.0)
            throttle.accept(1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told(throttle, 1.0, 2000, 0)
    assert 0.0 == throttle.share(1.0)
    told(throttle, 1.0, 1, 0)
    assert throttle.share(1.0) > 0.0


@pytest.mark.parametrize("options", [{"multiplier": 0.5}, {"max_rejection": 1}, {"window": 0}])
def test_mistakes_are_told(options: dict[str, float]) -> None:
    """What would refuse everything is refused."""
    with pytest.raises(ConfigurationError):
        ThrottleOptions.model_validate(options)
