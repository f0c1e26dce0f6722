"""What is decided for each attempt."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from math import log
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.faults import Fault, FaultInjector, FaultPlan, FaultRule

Decide = Callable[..., Fault | None]

DELAYED = [0, 8, 18, 24, 29, 30, 31, 35, 39]
ABORTED = [15, 33, 34, 37]


def rule(name: str = "r", **document: Any) -> FaultRule:
    """Make a rule."""
    return FaultRule.model_validate({"name": name, **document})


def plan_of(*rules: FaultRule, seed: int = 1) -> FaultPlan:
    """Make the plan of service "users" from "checkout"."""
    return FaultInjector(rules, rng=random.Random(seed)).plan("users", "checkout")


def touched(plan: FaultPlan, count: int, decide: Decide) -> list[tuple[bool, bool]]:
    """Decide *count* times: whether each was delayed, and whether it was aborted."""
    faults = [decide(plan) for _ in range(count)]
    return [
        (fault is not None and fault.delay > 0, fault is not None and fault.status is not None)
        for fault in faults
    ]


def test_status_fault_says_all_there_is_to_answer(decide: Decide) -> None:
    """A status comes with its hint and its body."""
    plan = plan_of(rule(abort={"status": 503, "retry_after": "2s", "body": "no"}))
    assert Fault("r", 0.0, 503, None, 2.0, "no", "attempt") == decide(plan)


def test_error_fault_names_its_error(decide: Decide) -> None:
    """An error has neither status nor body."""
    plan = plan_of(rule(abort={"error": "reset"}))
    assert Fault("r", 0.0, None, "reset", None, "", "attempt") == decide(plan)


def test_delay_fault_answers_nothing(decide: Decide) -> None:
    """After a delay alone the attempt goes on."""
    plan = plan_of(rule(delay={"fixed": 0.5}))
    assert Fault("r", 0.5, None, None, None, "", "attempt") == decide(plan)


def test_fault_delays_and_aborts_when_both_hit(decide: Decide) -> None:
    """One rule may do both, delay first."""
    plan = plan_of(rule(delay={"fixed": 0.5}, abort={"status": 500}))
    assert Fault("r", 0.5, 500, None, None, "", "attempt") == decide(plan)


def test_delay_of_nothing_is_still_a_fault(decide: Decide) -> None:
    """A fixed delay of 0 acts, and is counted."""
    injector = FaultInjector([rule(delay={"fixed": 0})])
    fault = decide(injector.plan("users", "checkout"))
    assert fault is not None
    assert 0.0 == fault.delay
    assert {"r": 1} == injector.injected


def test_phases_are_apart(decide: Decide) -> None:
    """A rule acts in its own phase only."""
    attempts = plan_of(rule(abort={"status": 500}))
    calls = plan_of(rule(abort={"status": 500}, phase="call"))
    assert (True, False) == (attempts.has_attempt, attempts.has_call)
    assert (False, True) == (calls.has_attempt, calls.has_call)
    assert decide(attempts, "call") is None
    assert decide(calls, "attempt") is None
    fault = decide(calls, "call")
    assert fault is not None
    assert "call" == fault.phase
    fault = decide(attempts, "attempt")
    assert fault is not None
    assert "attempt" == fault.phase


def test_request_must_match(decide: Decide) -> None:
    """All parts of a request reach the rule."""
    plan = plan_of(
        rule(
            abort={"status": 500},
            match={
                "endpoint": "a:1",
                "method": "POST",
                "path": "/x",
                "headers": {"k": "v"},
            },
        )
    )
    good: dict[str, Any] = {
        "endpoint": "http://a:1",
        "method": "POST",
        "path": "/x",
        "headers": {"K": "v"},
    }
    assert decide(plan, **good) is not None
    others = {"endpoint": "http://a:2", "method": "GET", "path": "/y", "headers": {"k": "w"}}
    for name, other in others.items():
        assert decide(plan, **{**good, name: other}) is None


def test_delays_add_up_and_the_first_abort_wins(decide: Decide) -> None:
    """Rules that match all draw; the answer is that of the first one that aborts."""
    plan = plan_of(
        rule("a", delay={"fixed": 1}),
        rule("b", abort={"status": 500, "body": "b"}),
        rule("c", delay={"fixed": 2}, abort={"error": "reset"}),
        rule("d", abort={"status": 502}),
    )
    assert Fault("a+b+c", 3.0, 500, None, None, "b", "attempt") == decide(plan)


def test_rule_whose_abort_lost_is_not_counted(decide: Decide) -> None:
    """Counters tell what acted."""
    injector = FaultInjector([rule("a", abort={"status": 500}), rule("b", abort={"status": 501})])
    plan = injector.plan("users", "checkout")
    decide(plan, hold=True)
    assert {"a": 1, "b": 0} == injector.injected
    assert {"a": 1, "b": 0} == injector.active


@pytest.mark.parametrize("kind", ["delay", "abort"])
def test_percentage_is_always_or_never_at_its_ends(kind: str, decide: Decide) -> None:
    """100 % is every attempt and 0 % none, with any draws."""
    effect: dict[str, Any] = {"fixed": 1} if kind == "delay" else {"status": 500}
    always_, never_ = ({**effect, "percentage": percentage} for percentage in (100, 0))
    always = plan_of(FaultRule.model_validate({"name": "r", kind: always_}))
    never = plan_of(FaultRule.model_validate({"name": "r", kind: never_}))
    assert all(decide(always) for _ in range(500))
    assert not any(decide(never) for _ in range(500))


class LowestDraw(random.Random):
    """Draws the lowest number there is."""

    def random(self) -> float:
        """Give 0."""
        return 0.0


def test_nothing_is_touched_at_zero_percent_even_by_the_lowest_draw(decide: Decide) -> None:
    """A draw of exactly 0 is not below 0 %."""
    off = rule(delay={"fixed": 1, "percentage": 0}, abort={"status": 500, "percentage": 0})
    assert decide(FaultInjector([off], rng=LowestDraw()).plan("users", "checkout")) is None


def test_draws_of_a_seed_are_the_same_for_ever(decide: Decide) -> None:
    """What a seed touches is written down here: a file that replays a run still does so."""
    plan = plan_of(
        rule(
            delay={"fixed": 1, "percentage": 30},
            abort={"status": 500, "percentage": 10},
            seed=42,
        )
    )
    drawn = touched(plan, 40, decide)
    assert DELAYED == [n for n, (delayed, _) in enumerate(drawn) if delayed]
    assert ABORTED == [n for n, (_, aborted) in enumerate(drawn) if aborted]


def test_draws_come_from_the_given_generator_when_unseeded(decide: Decide) -> None:
    """A mesh with a seeded generator is repeatable as a whole."""
    document: dict[str, Any] = {"delay": {"uniform": [1, 2], "percentage": 50}}
    runs = []
    for seed in (5, 5, 6):
        plan = plan_of(rule(**document), seed=seed)
        runs.append([decide(plan) for _ in range(50)])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_twenty_and_five_percent_touch_twenty_four(decide: Decide) -> None:
    """Delay and abort are independent: 1 - 0.8 x 0.95 = 24 % are touched, and 1 % twice."""
    plan = plan_of(
        rule(delay={"fixed": 1, "percentage": 20}, abort={"status": 500, "percentage": 5}, seed=7)
    )
    drawn = touched(plan, 40_000, decide)
    share = {
        "delayed": statistics.fmean(delayed for delayed, _ in drawn),
        "aborted": statistics.fmean(aborted for _, aborted in drawn),
        "touched": statistics.fmean(delayed or aborted for delayed, aborted in drawn),
        "both": statistics.fmean(delayed and aborted for delayed, aborted in drawn),
    }
    expected = {"delayed": 0.20, "aborted": 0.05, "touched": 0.24, "both": 0.01}
    assert expected == pytest.approx(share, abs=0.006)


@given(st.integers(0, 2**32), st.integers(0, 100), st.integers(0, 100))
@settings(deadline=None, max_examples=30)
def test_abort_draws_do_not_depend_on_the_delay(seed: int, first: int, second: int) -> None:
    """Another delay, or none, leaves the same attempts aborted."""
    abort = {"status": 500, "percentage": 40}
    plans = [
        plan_of(rule(abort=abort, delay=delay, seed=seed))
        for delay in (
            None,
            {"fixed": 1, "percentage": first},
            {"lognormal": {"median": 1}, "percentage": second},
        )
    ]
    drawn = []
    for plan in plans:
        faults = [
            plan.decide("attempt", endpoint="", method="GET", path="/", headers={})
            for _ in range(40)
        ]
        drawn.append([fault is not None and fault.status is not None for fault in faults])
    assert drawn[0] == drawn[1] == drawn[2]


@given(st.integers(0, 2**32), st.integers(0, 100), st.integers(0, 100))
@settings(deadline=None, max_examples=30)
def test_higher_percentage_only_adds(seed: int, one: int, other: int) -> None:
    """What a low percentage touches, a higher one with the same seed touches too."""
    low, high = sorted((one, other))
    few, many = (
        plan_of(rule(abort={"status": 500, "percentage": percentage}, seed=seed))
        for percentage in (low, high)
    )
    for _ in range(60):
        facts: dict[str, Any] = {"endpoint": "", "method": "GET", "path": "/"}
        hit = few.decide("attempt", headers={}, **facts)
        more = many.decide("attempt", headers={}, **facts)
        assert hit is None or more is not None


def test_seeded_rule_is_not_disturbed_by_others(decide: Decide) -> None:
    """Rules before and after, acting or not, leave its sequence alone."""
    seeded = rule("s", delay={"fixed": 1, "percentage": 50}, seed=3)
    alone = plan_of(seeded)
    among = plan_of(
        rule("a", abort={"status": 500, "percentage": 30}), seeded, rule("z", abort={"status": 501})
    )
    expected = [decide(alone) is not None for _ in range(200)]
    drawn = [decide(among) for _ in range(200)]
    assert expected == [fault is not None and fault.delay > 0 for fault in drawn]


def test_attempts_that_do_not_match_draw_nothing(decide: Decide) -> None:
    """The sequence counts matching attempts only."""
    document: dict[str, Any] = {
        "abort": {"status": 500, "percentage": 50},
        "match": {"path": "/x"},
        "seed": 3,
    }
    plain, mixed = plan_of(rule(**document)), plan_of(rule(**document))
    expected = [decide(plain, path="/x") for _ in range(100)]
    drawn = []
    for _ in range(100):
        assert decide(mixed, path="/y") is None
        drawn.append(decide(mixed, path="/x"))
    assert expected == drawn


def test_uniform_delay_is_spread_over_its_range(decide: Decide) -> None:
    """All of the range is used, evenly."""
    plan = plan_of(rule(delay={"uniform": ["100ms", "500ms"]}, seed=1))
    delays = [fault.delay for fault in (decide(plan) for _ in range(4000)) if fault]
    assert 4000 == len(delays)
    assert 0.1 <= min(delays) < 0.11
    assert 0.49 < max(delays) <= 0.5
    assert 0.3 == pytest.approx(statistics.fmean(delays), abs=0.01)


def test_lognormal_delay_has_its_median_and_sigma(decide: Decide) -> None:
    """Half are longer than the median, and the logarithms deviate by sigma."""
    plan = plan_of(rule(delay={"lognormal": {"median": "300ms", "sigma": 0.6}}, seed=1))
    delays = [fault.delay for fault in (decide(plan) for _ in range(8000)) if fault]
    assert 0.3 == pytest.approx(statistics.median(delays), rel=0.04)
    assert 0.6 == pytest.approx(statistics.stdev([log(delay) for delay in delays]), rel=0.04)


def test_random_delays_are_repeatable_when_seeded(decide: Decide) -> None:
    """A seed fixes the lengths as well, whatever the generator of the mesh."""
    seeded = rule(delay={"lognormal": {"median": 1}, "percentage": 50}, seed=9)
    runs = []
    for own in (1, 2):
        plan = plan_of(seeded, seed=own)
        runs.append([decide(plan) for _ in range(100)])
    assert runs[0] == runs[1]
