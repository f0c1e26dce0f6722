"""Sequences, quotas, limits and times of a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.faults import Fault, FaultInjector, FaultPlan, FaultRule

Decide = Callable[..., Fault | None]
Moment = Any


def rule(name: str = "r", **document: Any) -> FaultRule:
    """Make a rule that aborts every attempt with 500 unless told otherwise."""
    return FaultRule.model_validate({"name": name, "abort": {"status": 500}, **document})


def plan_of(*rules: FaultRule, now: Moment = lambda: 0.0, wall: Moment = lambda: 0.0) -> FaultPlan:
    """Make a plan of these rules."""
    return FaultInjector(rules, clock=now, wall_clock=wall).plan("users", "checkout")


def outcomes(plan: FaultPlan, count: int, decide: Decide) -> list[object]:
    """What each of so many calls meets: a status, an error or None."""
    faults = [decide(plan) for _ in range(count)]
    return [fault and (fault.status or fault.error) for fault in faults]


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        (["ok", "ok", "fail", "fail", "fail"], [None, None, 500, 500, 500, None, None]),
        ({"succeed": 2, "fail": 3}, [None, None, 500, 500, 500, None, None]),
        ({"succeed": 2}, [None, None, 500, 500, 500, 500, 500]),
        ({"fail": 1}, [500, None, None, None, None, None, None]),
        (
            {"succeed": 1, "fail": 2, "repeat": True},
            [None, 500, 500, None, 500, 500, None],
        ),
        (
            {"steps": ["ok", 503, "reset"], "repeat": True},
            [None, 503, "reset", None, 503, "reset", None],
        ),
        ([429, "fail"], [429, 500, None, None, None, None, None]),
    ],
)
def test_sequence_says_which_calls_fail(
    sequence: object, expected: list[object], decide: Decide
) -> None:
    """Steps follow each other, and begin again or end in success."""
    assert expected == outcomes(plan_of(rule(sequence=sequence)), 7, decide)


def test_sequence_of_statuses_needs_nothing_else(decide: Decide) -> None:
    """What fails is said by the steps themselves; delays of the rule come with them."""
    plan = plan_of(rule(abort=None, delay={"fixed": 1}, sequence=["ok", 503]))
    assert decide(plan) is None
    fault = decide(plan)
    assert fault is not None
    assert (503, 1.0) == (fault.status, fault.delay)


def test_sequence_counts_what_matches(decide: Decide) -> None:
    """Calls to other paths take no step."""
    plan = plan_of(rule(match={"path": "/x"}, sequence={"succeed": 1, "fail": 1}))
    assert decide(plan, path="/x") is None
    assert decide(plan, path="/y") is None
    assert decide(plan, path="/x") is not None


@given(st.integers(0, 5), st.integers(1, 5), st.booleans(), st.integers(0, 40))
@settings(deadline=None)
def test_counts_and_steps_are_one_thing(succeed: int, fail: int, repeat: bool, number: int) -> None:
    """`succeed` and `fail` are short for a list."""
    steps = ["ok"] * succeed + ["fail"] * fail
    counted = rule(sequence={"succeed": succeed, "fail": fail, "repeat": repeat}).sequence
    listed = rule(sequence={"steps": steps, "repeat": repeat}).sequence
    assert counted is not None
    assert listed is not None
    assert counted.step(number) == listed.step(number)


def test_quota_refuses_what_is_too_much(decide: Decide, moment: Moment) -> None:
    """The window begins with its first request, and the refusal says when it ends."""
    plan = plan_of(rule(abort=None, quota={"requests": 2, "window": "10s"}), now=moment)
    moment.now = 100.0
    assert [None, None] == outcomes(plan, 2, decide)
    moment.now = 103.5
    fault = decide(plan)
    assert fault is not None
    assert (429, 7.0, "quota") == (fault.status, fault.retry_after, fault.injections[0].kind)
    moment.now = 109.9
    fault = decide(plan)
    assert fault is not None
    assert 1.0 == fault.retry_after
    moment.now = 110.0
    assert [None, None, 429] == outcomes(plan, 3, decide)


def test_quota_has_its_own_answer(decide: Decide) -> None:
    """Some limiters say 503, and explain it."""
    quota = {"requests": 0, "window": 1, "status": 503, "body": "slow down"}
    fault = decide(plan_of(rule(abort=None, quota=quota)))
    assert fault is not None
    assert (503, "slow down", 1.0) == (fault.status, fault.body, fault.retry_after)


def test_quota_comes_before_the_abort_of_its_rule(decide: Decide) -> None:
    """Within the quota the abort has its chance; beyond it there is one answer."""
    plan = plan_of(rule(quota={"requests": 1, "window": 1}))
    assert [500, 429] == outcomes(plan, 2, decide)


KEYS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("tenant", {"tenant": "a"}, {"tenant": "b"}),
    ("endpoint", {"endpoint": "a:1"}, {"endpoint": "b:1"}),
    ("method", {"method": "GET"}, {"method": "PUT"}),
    ("path", {"path": "/a"}, {"path": "/b"}),
    ("route", {"route": "s/a"}, {"route": "s/b"}),
    ("request", {"query": "a=1"}, {"query": "a=2"}),
    ("header:X-User", {"headers": {"x-user": "a"}}, {"headers": {"X-USER": "b"}}),
    ("header:X-User", {"headers": {"x-user": "a"}}, {}),
    ("query:user", {"query": "user=a"}, {"query": "x=1&user=b"}),
    ("query:user", {"query": "user=a"}, {}),
]


@pytest.mark.parametrize(("key", "one", "other"), KEYS)
def test_quota_is_apart_for_each_key(
    key: str, one: dict[str, Any], other: dict[str, Any], decide: Decide
) -> None:
    """One caller's requests do not use another's quota."""
    plan = plan_of(rule(abort=None, quota={"requests": 1, "window": 1, "key": key}))
    assert [None, None] == [decide(plan, **one), decide(plan, **other)]
    assert None not in (decide(plan, **one), decide(plan, **other))


def test_quota_forgets_the_oldest_of_too_many_keys(
    decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests with ever new keys fill no memory."""
    monkeypatch.setattr("meshlib.faults._quota._MOST_KEYS", 2)
    plan = plan_of(rule(abort=None, quota={"requests": 1, "window": 1, "key": "tenant"}))
    assert [decide(plan, tenant=tenant) for tenant in "abc"] == [None] * 3
    assert decide(plan, tenant="c") is not None
    assert decide(plan, tenant="a") is None


def test_max_total_ends_a_rule(decide: Decide) -> None:
    """So many faults, and no more."""
    assert [500, 500, None, None] == outcomes(plan_of(rule(max_total=2)), 4, decide)


def test_rule_acts_between_its_start_and_its_end(decide: Decide, moment: Moment) -> None:
    """Both are counted from when it was added; calls before take no step of its sequence."""
    plan = plan_of(rule(start_after="10s", duration="5s", sequence={"succeed": 1}), now=moment)
    assert [None] * 3 == outcomes(plan, 3, decide)
    moment.now = 10.0
    assert [None, 500] == outcomes(plan, 2, decide)
    moment.now = 14.9
    assert [500] == outcomes(plan, 1, decide)
    moment.now = 15.0
    assert [None] == outcomes(plan, 1, decide)


def test_times_begin_again_when_a_rule_is_enabled(decide: Decide, moment: Moment) -> None:
    """Whoever switches a rule on wants it to act, for as long as it says."""
    injector = FaultInjector([rule(duration=5, enabled=False)], clock=moment)
    plan = injector.plan("users", "checkout")
    moment.now = 100.0
    injector.enable("r")
    assert [500] == outcomes(plan, 1, decide)
    injector.enable("r")
    moment.now = 105.0
    assert [None] == outcomes(plan, 1, decide)


def test_rule_that_is_added_late_begins_late(decide: Decide, moment: Moment) -> None:
    """Its times are its own, not the injector's."""
    injector = FaultInjector(clock=moment)
    plan = injector.plan("users", "checkout")
    moment.now = 50.0
    injector.add(rule(start_after=1))
    moment.now = 50.9
    assert decide(plan) is None
    moment.now = 51.0
    assert decide(plan) is not None


@pytest.mark.parametrize(("age", "share"), [(0, 0.0), (2.5, 0.2), (5, 0.4), (10, 0.8), (99, 0.8)])
def test_ramp_lets_the_percentage_grow(
    age: float, share: float, decide: Decide, moment: Moment
) -> None:
    """Linearly, from nothing to what it is."""
    plan = plan_of(rule(percentage=80, ramp=10, start_after=1, seed=2), now=moment)
    moment.now = 1.0 + age
    touched = sum(each is not None for each in outcomes(plan, 3000, decide))
    error = (share * (1 - share) / 3000) ** 0.5
    assert share == pytest.approx(touched / 3000, abs=3 * error + 1e-9)


@pytest.mark.parametrize(
    ("schedule", "ages"),
    [
        ([{"start": 2, "end": "4s"}], {2, 3}),
        ([{"end": 1}, {"start": 8, "end": 9}], {0, 8}),
        ([{"start": 1, "end": 2, "every": 3}], {1, 4, 7}),
        ([{"end": 3, "every": 3}], set(range(10))),
    ],
)
def test_schedule_of_durations(
    schedule: list[dict[str, Any]], ages: set[int], decide: Decide, moment: Moment
) -> None:
    """A rule acts in each of its windows, their ends excepted."""
    plan = plan_of(rule(schedule=schedule), now=moment)
    acting = set()
    for age in range(10):
        moment.now = float(age)
        if decide(plan) is not None:
            acting.add(age)
    assert ages == acting


@pytest.mark.parametrize(
    ("window", "times"),
    [
        ({"start": "09:30", "end": "17:00"}, {"09:30", "16:59"}),
        ({"start": "22:00", "end": "06:00"}, {"00:00", "05:59", "22:00"}),
        ({"start": "00:00", "end": "06:00:30"}, {"00:00", "05:59", "06:00"}),
    ],
)
def test_schedule_of_times_of_day(window: dict[str, Any], times: set[str], decide: Decide) -> None:
    """Every day, in UTC, also over midnight."""
    wall = Wall()
    plan = plan_of(rule(schedule=[window]), wall=wall)
    acting = set()
    for text in ("00:00", "05:59", "06:00", "09:29", "09:30", "16:59", "17:00", "21:59", "22:00"):
        hours, minutes = text.split(":")
        wall.now = 20_000 * 86_400 + int(hours) * 3600 + int(minutes) * 60
        if decide(plan) is not None:
            acting.add(text)
    assert times == acting


class Wall:
    """A wall clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"sequence": []}, "sequence: give steps, or succeed and fail"),
        ({"sequence": {"steps": ["ok"], "fail": 1}}, "give steps, or succeed and fail"),
        ({"sequence": {"succeed": 1, "repeat": True}}, "repeat needs to know how many fail"),
        ({"sequence": ["okay"]}, r"sequence.steps\[0\]: 'okay' is no step; did you mean 'ok'"),
        ({"sequence": ["ok", "zzz"]}, r"steps\[1\]: 'zzz' is no step; ok, fail, refused"),
        ({"sequence": [100]}, "100 is no status from 200 to 599"),
        ({"sequence": [True]}, "a step is ok, fail, a status or an error, not True"),
        ({"sequence": {"succeed": 2}, "abort": None}, "give one of delay, abort, response, quota"),
        ({"sequence": ["fail", 503], "abort": None}, "give one of delay, abort, response, quota"),
        ({"quota": {"requests": 1, "window": 0}}, "greater than 0"),
        ({"quota": {"requests": 1, "window": 1, "key": "tenent"}}, "did you mean 'tenant'"),
        ({"quota": {"requests": 1, "window": 1, "key": "header:"}}, "quota.key: 'header:' is no"),
        ({"keyed": "x-user"}, "keyed: 'x-user' is no key; known are request, tenant"),
        ({"schedule": [{"start": 3, "end": 2}]}, r"schedule\[0\]: start is before end"),
        ({"schedule": [{"start": -1, "end": 2}]}, "-1 is before the rule began"),
        ({"schedule": [{"start": "9:30", "end": "10:00"}]}, "'9:30' is no time of day; write"),
        ({"schedule": [{"start": "09:30", "end": "09:30"}]}, "the window is empty"),
        ({"schedule": [{"end": "09:30"}]}, "both durations or both times of day"),
        ({"schedule": [{"start": "09:30", "end": 3}]}, "both durations or both times of day"),
        ({"schedule": [{"start": "09:30", "end": "10:00", "every": 5}]}, "every goes with dur"),
        ({"schedule": [{"end": 5, "every": 2}]}, "the window is longer than every"),
        ({"schedule": [{"start": [], "end": 5}]}, "must be a valid number"),
        ({"max_active": 1, "max_active_faults": 1}, "another name of 'max_active'"),
        ({"max_total": 0}, "greater than or equal to 1"),
        ({"phase": "call", "match": {"subset": {"v": "1"}}}, "match.subset goes with phase"),
        ({"match": {"subset": {"v": 1.1}}}, "match.subset.v: metadata is text, not 1.1; put it"),
        ({"match": {"subset": {"v": []}}}, "match.subset.v: name at least one value"),
        ({"match": {"subset": ["v"]}}, "match.subset: settings are needed"),
        ({"match": {"tenant": 5}}, "frozenset"),
    ],
)
def test_rule_is_rejected_when_it_makes_no_sense(document: dict[str, Any], message: str) -> None:
    """What is wrong is named with its place, and with what was meant."""
    with pytest.raises(ConfigurationError, match=message):
        rule(**document)
