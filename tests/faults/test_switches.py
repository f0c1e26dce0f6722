"""Rules that are changed while calls are in flight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshlib._exceptions import ConfigurationError
from meshlib.faults import Fault, FaultInjector, FaultPlan, FaultRule

Decide = Callable[..., Fault | None]


def rule(name: str = "r", **document: Any) -> FaultRule:
    """Make a rule that aborts every attempt with 500 unless told otherwise."""
    return FaultRule.model_validate({"name": name, "abort": {"status": 500}, **document})


def sequence(plan: FaultPlan, count: int, decide: Decide) -> list[bool]:
    """Decide *count* times whether an attempt is touched."""
    return [decide(plan) is not None for _ in range(count)]


HALF: dict[str, Any] = {"abort": {"status": 500, "percentage": 50}, "seed": 11}


def test_kill_switch_stops_and_starts_everything(decide: Decide) -> None:
    """Turned off, every plan is empty at once; turned on, it is as before."""
    injector = FaultInjector([rule(), rule("c", phase="call")])
    plan = injector.plan("users", "checkout")
    assert injector.enabled
    injector.enabled = False
    assert not injector.enabled
    assert decide(plan) is None
    assert (False, False) == (plan.has_attempt, plan.has_call)
    assert not injector.plan("users", "checkout").has_attempt
    assert injector.for_service("users", "checkout") is not None
    injector.add(rule("late"))
    assert decide(plan) is None
    injector.enabled = True
    assert decide(plan) is not None
    assert (True, True) == (plan.has_attempt, plan.has_call)


def test_added_rule_acts_in_a_plan_made_before(decide: Decide) -> None:
    """A change reaches the next decision."""
    injector = FaultInjector()
    plan = injector.plan("users", "checkout")
    assert not plan.has_attempt
    assert decide(plan) is None
    injector.add(rule(match={"service": "users"}))
    assert plan.has_attempt
    assert decide(plan) is not None
    assert ("r",) == tuple(each.name for each in injector.rules)


def test_removed_rule_no_longer_acts(decide: Decide) -> None:
    """A fault it still has in force is released without harm."""
    injector = FaultInjector([rule("a"), rule("b", abort={"status": 501})])
    plan = injector.plan("users", "checkout")
    fault = decide(plan, hold=True)
    assert fault is not None
    injector.remove("a")
    after = decide(plan)
    assert after is not None
    assert "b" == after.rule
    plan.release(fault)
    assert {"b": 0} == injector.active


def test_disabled_rule_waits_until_it_is_enabled(decide: Decide) -> None:
    """A rule that is off is still one that concerns the service."""
    injector = FaultInjector([rule(enabled=False)])
    plan = injector.for_service("users", "checkout")
    assert plan is not None
    assert decide(plan) is None
    injector.enable("r")
    assert decide(plan) is not None
    injector.disable("r")
    assert decide(plan) is None
    assert (False,) == tuple(each.enabled for each in injector.rules)


def test_switching_a_rule_keeps_its_state(decide: Decide) -> None:
    """Off and on again, it goes on in its sequence with its counts; others are untouched."""
    plain = FaultInjector([rule(**HALF)]).plan("u", "c")
    expected = sequence(plain, 40, decide)
    injector = FaultInjector([rule(**HALF), rule("other", match={"service": "x"})])
    plan = injector.plan("u", "c")
    drawn = sequence(plan, 20, decide)
    injector.disable("r")
    assert [False] * 5 == sequence(plan, 5, decide)
    injector.enable("r")
    drawn += sequence(plan, 20, decide)
    assert expected == drawn
    assert {"r": sum(expected), "other": 0} == injector.injected
    assert (True, True) == tuple(each.enabled for each in injector.rules)


def test_set_rules_keeps_the_state_of_what_stays(decide: Decide) -> None:
    """A rule that is equal keeps sequence and places, wherever it stands in the list."""
    expected = sequence(FaultInjector([rule(**HALF)]).plan("u", "c"), 40, decide)
    injector = FaultInjector([rule(**HALF), rule("limited", max_active=1, phase="call")])
    plan = injector.plan("u", "c")
    held = decide(plan, "call", hold=True)
    assert held is not None
    drawn = sequence(plan, 20, decide)
    injector.set_rules([rule("limited", max_active=1, phase="call"), rule(**HALF)])
    drawn += sequence(plan, 20, decide)
    assert expected == drawn
    assert decide(plan, "call") is None
    plan.release(held)
    assert decide(plan, "call") is not None


def test_set_rules_begins_changed_rules_again(decide: Decide) -> None:
    """Another percentage is another rule: a new sequence, no places taken, the counter kept."""
    injector = FaultInjector([rule(**HALF, max_active=1)])
    plan = injector.plan("u", "c")
    sequence(plan, 20, decide)
    count = injector.injected["r"]
    assert count > 0
    while decide(plan, hold=True) is None:
        pass
    changed = rule(abort={"status": 501, "percentage": 50}, seed=11, max_active=1)
    injector.set_rules([changed])
    assert {"r": 0} == injector.active
    assert {"r": count + 1} == injector.injected
    expected = sequence(FaultInjector([changed]).plan("u", "c"), 20, decide)
    assert expected == sequence(plan, 20, decide)


def test_set_rules_forgets_what_is_gone(decide: Decide) -> None:
    """A rule that left and comes back begins again."""
    injector = FaultInjector([rule()])
    decide(injector.plan("u", "c"))
    injector.set_rules([])
    assert {} == injector.injected
    injector.set_rules([rule()])
    assert {"r": 0} == injector.injected


def test_rules_of_one_name_go_together(decide: Decide) -> None:
    """Equal rules are two all the same, and their name speaks of both."""
    injector = FaultInjector([rule(delay={"fixed": 1}, abort=None)] * 2)
    plan = injector.plan("u", "c")
    fault = decide(plan, hold=True)
    assert fault is not None
    assert 2.0 == fault.delay
    assert {"r": 2} == injector.injected
    assert {"r": 2} == injector.active
    injector.disable("r")
    assert decide(plan) is None
    injector.remove("r")
    assert () == injector.rules


@pytest.mark.parametrize("method", ["remove", "enable", "disable"])
def test_unknown_name_is_an_error(method: str) -> None:
    """A typing mistake is told, with the names there are, and nothing changes."""
    injector = FaultInjector([rule("b"), rule("a")])
    with pytest.raises(ConfigurationError, match="no fault rule is called 'c'") as caught:
        getattr(injector, method)("c")
    assert "there are: a, b" == caught.value.hint
    assert 2 == len(injector.rules)
    with pytest.raises(ConfigurationError, match="there are none"):
        getattr(FaultInjector(), method)("c")
