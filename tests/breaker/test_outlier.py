"""Which endpoint does worse than its peers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.breaker import OutlierDetector, OutlierOptions, OutlierStats, SuccessRates

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "breaker.json").read_text())

Hosts = list[tuple[str, OutlierStats]]


def make(**options: Any) -> OutlierDetector:
    """Return a detector whose first interval began at 0 s."""
    detector = OutlierDetector(OutlierOptions(**options))
    detector.sweep([], 0.0)
    return detector


def hosts(count: int = 5) -> Hosts:
    """Return *count* endpoints named a, b, c ..."""
    return [(chr(ord("a") + index), OutlierStats()) for index in range(count)]


def serve(stats: OutlierStats, successes: int, failures: int = 0) -> None:
    """Add outcomes to *stats* as its owner does."""
    stats.total += successes + failures
    stats.successes += successes


def serve_all(some: Hosts, *bad: str, volume: int = 100) -> None:
    """Give every host *volume* outcomes: successes, or failures for those named *bad*."""
    for key, stats in some:
        serve(stats, *(0, volume) if key in bad else (volume,))


def ejected(some: Hosts) -> str:
    """Return the keys of those that are out."""
    return "".join(key for key, stats in some if stats.ejected)


def test_success_rates_match_the_vector_of_envoy() -> None:
    """{50, 100, 100, 100, 100} has mean 90, deviation 20 and threshold 52."""
    vector = VECTORS["success_rate"]
    rates = SuccessRates.of(vector["percent"], vector["factor"])
    assert (vector["mean"], vector["sigma"], vector["threshold"]) == rates


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(0, 500), st.integers(1, 50))
def test_equals_are_no_outliers(total: int, successes: int, count: int) -> None:
    """However the mean rounds, nobody is below the threshold of equal rates."""
    rate = min(successes, total) / total
    rates = SuccessRates.of([rate] * count, 1.9)
    assert (rate, 0.0, rate) == rates


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), min_size=2, max_size=30), st.floats(0.1, 3.0))
def test_threshold_follows_from_mean_and_sigma(percents: list[int], factor: float) -> None:
    """Mean and population deviation are those of the definition."""
    rates = [percent / 100 for percent in percents]
    found = SuccessRates.of(rates, factor)
    mean = sum(percents) / len(percents) / 100
    variance = sum(rate * rate for rate in rates) / len(rates) - mean * mean
    assert mean == pytest.approx(found.mean)
    assert math.sqrt(max(variance, 0.0)) == pytest.approx(found.sigma, abs=1e-6)
    assert found.mean - factor * found.sigma == pytest.approx(found.threshold)


def test_ejects_below_the_threshold_only() -> None:
    """The vector as traffic: the host at 50 % goes, for the base ejection time."""
    detector, some = make(), hosts()
    serve(some[0][1], 50, 50)
    serve_all(some[1:])
    result = detector.sweep(some, 10.0)
    assert [("a", "success_rate", 30.0)] == result.ejected
    assert ("a", [], [], []) == (
        ejected(some),
        result.readmitted,
        result.would_eject,
        result.overflowed,
    )


def test_keeps_everybody_when_nobody_stands_out() -> None:
    """Equal failures are an outage of the service, not of an endpoint."""
    detector, some = make(), hosts()
    serve_all(some, *"abcde")
    assert [] == detector.sweep(some, 10.0).ejected


def test_factor_sets_the_distance() -> None:
    """One bad host of five is two standard deviations away, never more."""
    for factor, out in ((1.9, "a"), (2.1, "")):
        detector, some = make(success_rate_factor=factor), hosts()
        serve_all(some, "a")
        detector.sweep(some, 10.0)
        assert out == ejected(some)


@pytest.mark.parametrize(("volume", "out"), [(99, ""), (100, "a")])
def test_needs_the_request_volume(volume: int, out: str) -> None:
    """An endpoint with fewer requests in the interval is not compared."""
    detector, some = make(), hosts()
    serve_all(some, "a", volume=volume)
    detector.sweep(some, 10.0)
    assert out == ejected(some)


def test_needs_the_minimum_of_hosts() -> None:
    """Four endpoints with enough requests are too few, though a fifth exists."""
    detector, some = make(success_rate_factor=1.7), hosts()
    serve_all(some[:4], "a")
    serve(some[4][1], 99)
    detector.sweep(some, 10.0)
    assert ejected(some) == ""
    detector, some = make(minimum_hosts=4, success_rate_factor=1.7), hosts(4)
    serve_all(some, "a")
    detector.sweep(some, 10.0)
    assert ejected(some) == "a"


def test_sweep_of_no_hosts_does_nothing() -> None:
    """A service may have no endpoints."""
    detector = make(minimum_hosts=1, failure_ratio=0.5)
    none: Hosts = []
    result = detector.sweep(none, 10.0)
    assert ([], [], []) == (result.ejected, result.readmitted, result.overflowed)


def test_first_sweep_begins_the_first_interval() -> None:
    """It is due at once, judges nothing, and what came before it is not judged later."""
    detector, some = OutlierDetector(OutlierOptions()), hosts()
    assert detector.next_sweep < 0.0
    serve_all(some, "a")
    assert [] == detector.sweep(some, 100.0).ejected
    assert 110.0 == detector.next_sweep
    serve_all(some, volume=150)
    assert [] == detector.sweep(some, 110.0).ejected
    assert 120.0 == detector.next_sweep


def test_judges_exactly_one_interval() -> None:
    """Neither failures of the interval before nor half intervals are added up."""
    detector, some = make(), hosts()
    serve_all(some, "a", volume=60)
    detector.sweep(some, 10.0)
    serve_all(some, "a", volume=60)
    detector.sweep(some, 20.0)
    assert ejected(some) == ""
    serve_all(some, "a")
    detector.sweep(some, 30.0)
    assert ejected(some) == "a"


def test_torn_reading_is_no_success_too_many() -> None:
    """An outcome that falls between the two readings of a sweep is counted, at most once."""

    class Torn(OutlierStats):
        """Adds an outcome while it is being read."""

        __slots__ = ("torn",)

        @property
        def successes(self) -> int:
            """Read, then let another thread succeed once."""
            value = self.torn
            if value == 10:
                self.torn += 1
                self.total += 1
            return value

        @successes.setter
        def successes(self, value: int) -> None:
            self.torn = value

    stats = Torn()
    serve(stats, 10)
    assert (10, 11) == stats.close_interval()
    serve(stats, 5)
    assert (5, 5) == stats.close_interval()
    serve(stats, 1, 1)
    assert (1, 2) == stats.close_interval()


@pytest.mark.parametrize(("failures", "out"), [(84, ""), (85, "a")])
def test_failure_ratio_is_inclusive(failures: int, out: str) -> None:
    """Envoy compares with `>=`, and with no peers."""
    detector, some = make(failure_ratio=0.85), hosts(2)
    serve(some[0][1], 100 - failures, failures)
    result = detector.sweep(some, 10.0)
    assert out == ejected(some)
    assert [(key, "failure_ratio", 30.0) for key in out] == result.ejected


@pytest.mark.parametrize(("volume", "out"), [(49, ""), (50, "a")])
def test_failure_ratio_needs_its_request_volume(volume: int, out: str) -> None:
    """Envoy's fifty."""
    detector, some = make(failure_ratio=0.85), hosts(2)
    serve_all(some[:1], "a", volume=volume)
    detector.sweep(some, 10.0)
    assert out == ejected(some)


def test_failure_ratio_needs_its_minimum_of_hosts() -> None:
    """As many endpoints with enough requests as was asked for."""
    for count, out in ((2, ""), (3, "a")):
        detector, some = make(failure_ratio=0.85, failure_minimum_hosts=3), hosts(count)
        serve_all(some, "a")
        detector.sweep(some, 10.0)
        assert out == ejected(some)


def test_is_ejected_once_by_two_detectors() -> None:
    """The comparison comes first, and the other one finds it judged."""
    detector, some = make(failure_ratio=0.85), hosts()
    serve_all(some, "a")
    result = detector.sweep(some, 10.0)
    assert [("a", "success_rate", 30.0)] == result.ejected
    assert [] == result.overflowed
    assert 1 == some[0][1].multiplier
