"""How long something is held back."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.faults import DelayFault, Fault, FaultInjector, FaultPlan, FaultRule
from meshlib.faults._facts import Facts
from meshlib.faults._lengths import length_of

Decide = Callable[..., Fault | None]


def plan_of(delay: dict[str, Any], **document: Any) -> FaultPlan:
    """Make a plan of one seeded rule that delays."""
    rule = FaultRule.model_validate({"name": "r", "delay": delay, "seed": 4, **document})
    injector = FaultInjector([rule])
    injector.heeds_requests = True
    return injector.plan("users", "checkout")


def drawn(delay: dict[str, Any], count: int, decide: Decide) -> list[float]:
    """Draw so many delays."""
    plan = plan_of(delay)
    return [fault.delay for fault in (decide(plan) for _ in range(count)) if fault is not None]


def test_normal_delay_has_its_mean_and_deviation(decide: Decide) -> None:
    """20,000 draws have the mean and the deviation within three standard errors."""
    delays = drawn({"normal": {"mean": "1s", "stddev": "100ms"}}, 20_000, decide)
    error = 0.1 / math.sqrt(20_000)
    assert 1.0 == pytest.approx(statistics.fmean(delays), abs=3 * error)
    assert 0.1 == pytest.approx(statistics.stdev(delays), abs=3 * error / math.sqrt(2))


def test_normal_delay_is_never_negative(decide: Decide) -> None:
    """What falls below 0 is 0, and the rest is as it was."""
    delays = drawn({"normal": {"mean": 0.1, "stddev": 1}}, 2000, decide)
    assert 0.0 == min(delays)
    assert 0.46 == pytest.approx(delays.count(0.0) / 2000, abs=0.04)


def test_empirical_delay_gives_what_was_measured(decide: Decide) -> None:
    """Each of the values is as likely, and there is no other."""
    delays = drawn({"empirical": ["10ms", 0.5, "10ms", 2]}, 8000, decide)
    assert {0.01, 0.5, 2.0} == set(delays)
    error = math.sqrt(0.25 * 0.75 / 8000)
    assert 0.5 == pytest.approx(delays.count(0.01) / 8000, abs=4 * error)
    assert 0.25 == pytest.approx(delays.count(2.0) / 8000, abs=3 * error)


def test_quantiles_are_met(decide: Decide) -> None:
    """Half are shorter than p50, one in a hundred is as long as p99, and none is longer."""
    delays = drawn({"quantiles": {"p50": "20ms", "p90": "100ms", "p99": "1s"}}, 20_000, decide)
    assert (0.02, 1.0) == (min(delays), max(delays))
    short = sum(delay <= 0.1 for delay in delays) / 20_000
    assert 0.9 == pytest.approx(short, abs=3 * math.sqrt(0.09 / 20_000))
    assert 0.01 == pytest.approx(delays.count(1.0) / 20_000, abs=3 * math.sqrt(0.01 / 20_000))
    assert 0.5 == pytest.approx(delays.count(0.02) / 20_000, abs=3 * math.sqrt(0.25 / 20_000))


@pytest.mark.parametrize(
    ("relative", "timeout", "left", "expected"),
    [
        (0.5, 2.0, 1.0, 1.0),
        ({"factor": 0.5, "of": "timeout"}, 2.0, 1.0, 1.0),
        ({"factor": 0.5, "of": "left"}, 2.0, 1.0, 0.5),
        (1.1, 2.0, 2.0, 2.2),
        ({"factor": 1, "of": "left"}, 2.0, -1.0, 0.0),
    ],
)
def test_relative_delay_follows_the_callers_time(
    relative: object, timeout: float, left: float, expected: float, decide: Decide
) -> None:
    """The factor is of the whole time, or of what is left of it."""
    fault = decide(plan_of({"relative": relative}), timeout=timeout, left=left)
    assert fault is not None
    assert expected == pytest.approx(fault.delay)


@pytest.mark.parametrize("limit", [None, math.inf])
def test_relative_delay_of_a_call_without_limit_is_none(
    limit: float | None, decide: Decide
) -> None:
    """A part of no end has no length: such a call is not delayed, and not counted."""
    assert decide(plan_of({"relative": 0.5}), timeout=limit) is None


KINDS: list[dict[str, Any]] = [
    {"fixed": 1},
    {"uniform": [1, 2]},
    {"normal": {"mean": 1, "stddev": 1}},
    {"lognormal": {"median": 1}},
    {"empirical": [3, 1, 2]},
    {"quantiles": {"p10": 1, "p50": 1, "p99.9": 4}},
    {"relative": 0.5},
]


@given(
    st.sampled_from(KINDS),
    st.floats(1e-15, 1, exclude_max=True),
    st.floats(1e-15, 1, exclude_max=True),
)
@settings(deadline=None)
def test_a_higher_draw_is_never_shorter(kind: dict[str, Any], one: float, other: float) -> None:
    """Lengths are quantile functions: so the same draw compares two distributions."""
    length = length_of(DelayFault.model_validate(kind))
    facts = Facts(timeout=1.0)
    lower, higher = (length(draw, facts) for draw in sorted((one, other)))
    assert lower is not None
    assert higher is not None
    assert 0.0 <= lower <= higher


@pytest.mark.parametrize(
    ("delay", "message"),
    [
        ({"quantiles": {"p50": 1, "p101": 2}}, r"'p101' is no quantile; write p50"),
        ({"quantiles": {"median": 1}}, r"'median' is no quantile"),
        ({"quantiles": {"p50": 2, "p99": 1}}, r"delay.quantiles.p99: it is not above .* p50"),
        ({"quantiles": {"p50": 2, "p50.0": 2}}, r"it is not above"),
        ({"relative": 0}, "greater than 0"),
        ({"relative": True}, "settings are needed here"),
        ({"relative": {"factor": 1, "of": "limit"}}, "'limit' is not known"),
        ({"normal": {"mean": 1, "stddev": 0}}, "greater than 0"),
        ({"fixed": 1, "header": True}, "give one of"),
        ({"fixed": 1, "fixedDelay": 2}, "another name of 'fixed'"),
        ({"fixd": 1}, "did you mean 'fixed'"),
    ],
)
def test_delay_is_rejected_when_it_makes_no_sense(delay: dict[str, Any], message: str) -> None:
    """What is wrong is named with its place."""
    with pytest.raises(ConfigurationError, match=message):
        FaultRule.model_validate({"name": "r", "delay": delay})


@pytest.mark.parametrize(
    ("delay", "fixed", "percentage"),
    [
        ({"fixedDelay": "7s", "percentage": {"value": 0.1}}, 7.0, 0.1),
        ({"fixed_delay": "7s", "percentage": {"numerator": 5}}, 7.0, 5.0),
        (
            {"fixed": 7, "percentage": {"numerator": 5, "denominator": "TEN_THOUSAND"}},
            7.0,
            0.05,
        ),
        ({"fixed": 7, "percentage": {"numerator": 5, "denominator": "MILLION"}}, 7.0, 0.0005),
    ],
)
def test_names_of_istio_and_envoy_are_taken(
    delay: dict[str, Any], fixed: float, percentage: float
) -> None:
    """What was copied from their documents means the same here."""
    options = DelayFault.model_validate(delay)
    assert fixed == options.fixed
    assert percentage == pytest.approx(options.percentage)


@pytest.mark.parametrize(
    ("percentage", "message"),
    [
        ({"numerator": 1, "denominator": "TEN"}, "'TEN' is no denominator; known are HUNDRED"),
        ({"denominator": "HUNDRED"}, "a percentage is a number"),
        ({"numerator": True}, "a percentage is a number"),
        ({"value": 5, "of": 7}, "a percentage is a number"),
        ({"value": 101}, "less than or equal to 100"),
    ],
)
def test_percentage_is_rejected_when_it_is_none(percentage: object, message: str) -> None:
    """Envoy's and Istio's forms are closed as ours is."""
    with pytest.raises(ConfigurationError, match=message):
        DelayFault.model_validate({"fixed": 1, "percentage": percentage})
