"""Each limit against published values, or against its formula worked out by hand."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from meshlib.bulkhead.limits import (
    AIMDLimit,
    AIMDOptions,
    EnvoyGradientLimit,
    EnvoyGradientOptions,
    FixedLimit,
    Gradient2Limit,
    Gradient2Options,
    Limit,
)
from meshlib.bulkhead.limits._average import Average

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "limits.json").read_text(encoding="utf-8")
)


def feed(limit: Limit, rtt: float, times: int = 1, *, busy: bool = True) -> None:
    """Samples that are all alike; *busy*: as many in flight as may be."""
    for _ in range(times):
        limit.sample(0.0, rtt, limit.limit if busy else 1, False)


def test_average_warms_up() -> None:
    """The first ten samples give their mean, and a later one moves it a little."""
    vector = VECTORS["average"]
    average = Average(vector["window"])
    assert vector["expected"] == pytest.approx([average.add(x) for x in vector["samples"]])
    assert vector["about"] == pytest.approx(average.add(vector["then"]), abs=0.1)


def test_fixed_learns_nothing() -> None:
    """What is known is not moved by anything."""
    limit = FixedLimit(7)
    limit.sample(0.0, 100.0, 7, True)
    limit.renew()
    assert 7 == limit.limit


class TestAIMD:
    """Additive increase, multiplicative decrease."""

    def limit(self, **options: Any) -> AIMDLimit:
        """As in the published tests, where the limit may fall to 1."""
        return AIMDLimit(AIMDOptions(**{"initial": 10, "min": 1, **options}))

    def test_published(self) -> None:
        """One more after a success, a tenth less after a drop."""
        vector = VECTORS["aimd"]
        limit = self.limit()
        feed(limit, 0.001)
        assert vector["increased"] == limit.limit
        limit = self.limit()
        limit.sample(0.0, 0.001, 10, True)
        assert vector["dropped"] == limit.limit
        limit.renew()
        assert vector["dropped"] == limit.limit

    def test_slow_is_dropped(self) -> None:
        """An answer slower than the timeout is a drop; one as slow is not."""
        limit = self.limit(timeout=5.0)
        feed(limit, 5.0)
        assert 11 == limit.limit
        feed(limit, 5.1)
        assert 9 == limit.limit  # int(9.9)

    def test_grows_from_half_on(self) -> None:
        """Half of the limit in flight proves it; less does not."""
        limit = self.limit()
        limit.sample(0.0, 0.1, 5, False)
        assert 11 == limit.limit
        limit.sample(0.0, 0.1, 5, False)
        assert 11 == limit.limit

    def test_begins_within_its_bounds(self) -> None:
        """The default of 20 yields to bounds that somebody chose."""
        assert 50 == AIMDLimit(AIMDOptions(min=50)).limit
        assert 5 == AIMDLimit(AIMDOptions(min=1, max=5)).limit


class TestGradient2:
    """Short latency against long latency; by hand from the formula."""

    def test_published_defaults(self) -> None:
        """The constants are Netflix's."""
        vector = VECTORS["gradient2_defaults"]
        options = Gradient2Options().model_dump()
        assert {key: options[key] for key in vector if key != "source"} == {
            key: value for key, value in vector.items() if key != "source"
        }

    def test_grows_by_the_queue_while_latency_is_steady(self) -> None:
        """Gradient 1: 20 x .8 + (20 + 4) x .2 = 20.8, and so on by .8."""
        limit = Gradient2Limit()
        limits = []
        for _ in range(5):
            feed(limit, 0.1)
            limits.append(limit.limit)
        assert [20, 21, 22, 23, 24] == limits

    def test_tolerates_half_as_much_again(self) -> None:
        """Short at 1.5 times the long average is gradient 1 still; above it is less."""
        limit = Gradient2Limit(Gradient2Options(initial=100, long_window=10**6))
        feed(limit, 0.1, 10)  # 108
        feed(limit, 0.149)
        assert 108 == limit.limit  # 108.8
        # 108.8 x .8 + (108.8 x 1.5 x .1 / .2 + 4) x .2 = 87.04 + 16.32 + .8
        feed(limit, 0.2)
        assert 104 == limit.limit

    def test_halves_at_the_most(self) -> None:
        """100 x .8 + (50 + 4) x .2 = 90.8, however slow the answer was."""
        limit = Gradient2Limit(Gradient2Options(initial=100, queue_size=4, long_window=10**6))
        feed(limit, 0.1, 10, busy=False)
        feed(limit, 1000.0)
        assert 90 == limit.limit

    def test_stays_while_half_is_unused(self) -> None:
        """Less than half in flight neither grows it nor shrinks it."""
        limit = Gradient2Limit(Gradient2Options(initial=100))
        limit.sample(0.0, 0.1, 49, False)
        assert 100 == limit.limit
        limit.sample(0.0, 9.9, 49, False)
        assert 100 == limit.limit
        limit.sample(0.0, 0.1, 50, False)
        assert 100 < limit._estimate

    def test_long_average_is_pulled_down_after_load(self) -> None:
        """Above twice the short one it loses a twentieth a sample beyond its own decay."""
        limit = Gradient2Limit()
        feed(limit, 1.0, 10)
        assert 1.0 == pytest.approx(limit._long.value)
        feed(limit, 0.1)
        decayed = 1.0 + (0.1 - 1.0) * 2 / 601
        assert decayed * 0.95 == pytest.approx(limit._long.value)
        feed(limit, 0.1, 40)
        assert limit._long.value < 0.22

    def test_drop_takes_a_tenth(self) -> None:
        """Gradient .5 and nothing added: 100 x .8 + 50 x .2 = 90, with or without a latency."""
        for rtt in (0.0, 0.1):
            limit = Gradient2Limit(Gradient2Options(initial=100))
            limit.sample(0.0, rtt, 1, True)
            assert 90 == limit.limit
            limit.renew()
            assert 90 == limit.limit

    def test_impossible_latency_is_no_sample(self) -> None:
        """A clock that jumped back, or gave nonsense, moves nothing."""
        limit = Gradient2Limit()
        for rtt in (0.0, -5.0, math.nan, math.inf):
            limit.sample(0.0, rtt, 20, False)
        assert 20.0 == limit._estimate
        assert 0.0 == limit._long.value


class Drawn(random.Random):
    """Draws what a test says."""

    def random(self) -> float:
        """The middle."""
        return 0.5


class TestEnvoy:
    """Latency against the least latency."""

    def limit(self, **options: Any) -> EnvoyGradientLimit:
        """Without jitter, as in most of the published tests."""
        rng = Drawn(1)
        return EnvoyGradientLimit(EnvoyGradientOptions(**{"jitter": 0, **options}), rng=rng)

    def measured(self, ms: float = 5.0, **options: Any) -> EnvoyGradientLimit:
        """One that has its least latency; the next update is at 0.1."""
        limit = self.limit(**{"request_count": 5, **options})
        for _ in range(5):
            limit.sample(0.0, ms / 1000, 1, False)
        return limit

    def update(self, limit: EnvoyGradientLimit, at: float, ms: float) -> int:
        """The limit after an update at *at*, which sees samples of *ms* milliseconds."""
        for _ in range(5):
            limit.sample(at - 0.05, ms / 1000, 1, False)
        limit.sample(at, ms / 1000, 1, False)
        return limit.limit

    def test_published_defaults(self) -> None:
        """The constants are Envoy's."""
        assert VECTORS["envoy"]["defaults"].items() <= EnvoyGradientOptions().model_dump().items()

    def test_measures_at_first(self) -> None:
        """50 answers under the minimum give the least latency (MinRTTLogicTest)."""
        limit = self.limit(min=7)
        for _ in range(49):
            limit.sample(0.0, 0.013, 7, False)
            assert limit.measuring
            assert 7 == limit.limit
        limit.sample(0.0, 0.013, 7, False)
        assert not limit.measuring
        assert 0.013 == limit.least

    def test_latency_is_the_median(self) -> None:
        """Of 1 to 5 ms it is 3 ms (CancelLatencySample)."""
        vector = VECTORS["envoy"]
        limit = self.limit(request_count=5)
        for ms in vector["median_of_ms"]:
            limit.sample(0.0, ms / 1000, 1, False)
        assert vector["median_ms"] / 1000 == limit.least

    def test_formula(self) -> None:
        """
        5 ms least, buffer 10 %, 4 ms seen: gradient 1.375, plus the root of what it allows.

        7 -> 9.625 + 3.10 = 12; 12 -> 16.5 + 4.06 = 20. Then 6 ms: gradient .9167:
        20 -> 18.33 + 4.28 = 22.
        """
        limit = self.measured(buffer=0.1, min=7)
        assert 12 == self.update(limit, 0.11, 4)
        assert 20 == self.update(limit, 0.22, 4)
        assert 22 == self.update(limit, 0.33, 6)

    def test_gradient_is_bounded(self) -> None:
        """Doubled or halved at the most: 7 -> 14 + 3.74 = 17; 17 -> 8.5 + 2.92 = 11."""
        limit = self.measured(min=7)
        assert 17 == self.update(limit, 0.11, 0.01)
        assert 11 == self.update(limit, 0.22, 5000)

    def test_buffer_lets_it_grow(self) -> None:
        """6 ms under a least of 5 ms and a buffer of half is no load (MinRTTBufferTest)."""
        limit = self.measured(buffer=0.5)
        for number in range(1, 11):
            before = limit.limit
            assert before < self.update(limit, number * 0.11, 6)

    def test_no_samples_no_change(self) -> None:
        """An interval without answers leaves the limit alone (NoSamplesTest)."""
        limit = self.measured()
        limit.sample(1.0, 0.005, 1, False)
        limit.sample(1.05, 0.005, 1, False)
        assert 3 == limit.limit

    def test_old_limit_returns_after_measuring(self) -> None:
        """Measured anew after the interval, under the minimum (MinRTTReturnToPreviousLimit)."""
        limit = self.measured(min_rtt_interval=30.0)
        for number in range(1, 6):
            self.update(limit, number * 0.11, 4)
        grown = limit.limit
        limit.sample(29.9, 0.004, 1, False)
        assert not limit.measuring
        grown = limit.limit
        limit.sample(31.0, 0.004, 1, False)
        assert 3 == limit.limit < grown
        for _ in range(5):
            assert 3 == limit.limit
            limit.sample(32.0, 0.013, 1, False)
        assert grown == limit.limit
        assert 0.013 == limit.least

    def test_calls_from_before_a_measurement_do_not_count(self) -> None:
        """They ran under another limit (MinRTTEpoch)."""
        limit = self.measured(min_rtt_interval=30.0)
        limit.sample(31.0, 0.004, 1, False)
        for _ in range(100):
            limit.sample(32.0, 300.0, 1, False)
        assert limit.measuring

    def test_jitter_is_added(self) -> None:
        """Half of a jitter of a tenth is drawn: 100 s become 105 (TimerAccuracyTest)."""
        vector = VECTORS["envoy"]
        assert vector["drawn"] == Drawn(1).random()
        limit = self.measured(min_rtt_interval=vector["interval"], jitter=vector["jitter"])
        limit.sample(vector["next_measurement"] - 0.01, 0.005, 1, False)
        assert not limit.measuring
        limit.sample(vector["next_measurement"], 0.005, 1, False)
        assert limit.measuring

    def test_minimum_five_times_is_doubted(self) -> None:
        """The least is measured anew, and it grows again (ConsecutiveMinConcurrencyReset)."""
        limit = self.measured(min=7, buffer=0)
        number = 0
        while not limit.measuring:
            number += 1
            assert 7 == self.update(limit, number * 0.11, 20)
        assert 5 == number
        for _ in range(5):
            limit.sample(1.0, 0.02, 1, False)
        assert 0.02 == limit.least
        assert 7 < self.update(limit, 1.1, 20)

    def test_other_limits_break_the_row(self) -> None:
        """Five updates at the minimum must follow on each other."""
        limit = self.measured(min=7, buffer=0)
        for number in range(1, 5):
            self.update(limit, number * 0.11, 20)
        assert 7 < self.update(limit, 0.55, 4)
        assert 7 == self.update(limit, 0.66, 200)
        assert not limit.measuring

    def test_drops_lower_it(self) -> None:
        """An answer that never comes is the slowest of all."""
        limit = self.measured(min=7)
        self.update(limit, 0.11, 1)
        before = limit.limit
        for _ in range(3):
            limit.sample(0.16, 0.0, 1, True)
        limit.sample(0.22, 0.005, 1, False)
        assert limit.limit < before

    def test_drops_are_no_least_latency(self) -> None:
        """Nothing but drops: it goes on measuring; later ones leave the least as it was."""
        limit = self.limit(request_count=5)
        for _ in range(5):
            limit.sample(0.0, 0.0, 1, True)
        assert limit.measuring
        for _ in range(5):
            limit.sample(0.0, 0.005, 1, False)
        assert 0.005 == limit.least
        limit.sample(100.0, 0.005, 1, False)
        for _ in range(5):
            limit.sample(101.0, 0.0, 1, True)
        assert not limit.measuring
        assert 0.005 == limit.least

    def test_forked_child_measures_by_its_own_answers(self) -> None:
        """What the parent has gathered is not counted."""
        limit = self.limit(request_count=5)
        for _ in range(4):
            limit.sample(0.0, 0.001, 1, False)
        limit.renew()
        for _ in range(4):
            limit.sample(0.0, 0.005, 1, False)
        assert limit.measuring
        limit.sample(0.0, 0.005, 1, False)
        assert 0.005 == limit.least

    def test_clock_that_goes_back_is_caught_up_with(self) -> None:
        """Neither updates nor measurements wait for an instant that was long ago."""
        limit = self.measured(ms=5.0)
        for _ in range(5):
            limit.sample(10_000.0, 0.005, 1, False)  # measures
        assert limit.measuring
        for number in range(6):
            limit.sample(50.0 + number, 0.005, 1, False)
        assert not limit.measuring
        before = self.update(limit, 55.5, 1)
        assert before < self.update(limit, 55.7, 1)
        limit.sample(-5_000.0, 0.001, 1, False)
        after = self.update(limit, -4_999.0, 1)
        assert before < after
        limit.sample(-4_900.0, 0.001, 1, False)
        assert limit.measuring

    def test_impossible_latency_is_no_sample(self) -> None:
        """It is neither counted nor taken for the least."""
        limit = self.limit(request_count=1)
        for rtt in (0.0, -1.0, math.nan, math.inf):
            limit.sample(0.0, rtt, 1, False)
        assert limit.measuring

    def test_draws_without_being_given_chance(self) -> None:
        """A generator of its own serves one that was given none."""
        limit = EnvoyGradientLimit(EnvoyGradientOptions(request_count=1))
        limit.sample(0.0, 0.1, 1, False)
        assert not limit.measuring
