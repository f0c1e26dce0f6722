"""Faults that are called off while somebody waits because of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshlib.faults import Fault, FaultInjector, FaultPlan, FaultRule, Injection


class Waiter:
    """Counts how often it was set."""

    def __init__(self) -> None:
        self.sets = 0

    def set(self) -> None:
        """End the wait."""
        self.sets += 1


def rule(name: str = "r", **document: Any) -> FaultRule:
    """A rule that aborts every attempt with 500."""
    return FaultRule.model_validate({"name": name, "abort": {"status": 500}, **document})


def drawn(plan: FaultPlan) -> Fault:
    """A fault that is in force."""
    fault = plan.decide("attempt", endpoint="", method="GET", path="/", headers={})
    assert fault is not None
    return fault


STOPS: list[Callable[[FaultInjector], object]] = [
    lambda faults: setattr(faults, "enabled", False),
    lambda faults: faults.forbid("here"),
    lambda faults: faults.remove("r"),
    lambda faults: faults.disable("r"),
    lambda faults: faults.set_rules([]),
]


@pytest.mark.parametrize("stop", STOPS)
def test_whoever_waits_is_let_go_at_once(stop: Callable[[FaultInjector], object]) -> None:
    """However it is stopped; what comes after does not begin to wait."""
    injector = FaultInjector([rule()])
    plan = injector.plan("users", "shop")
    fault, waiter = drawn(plan), Waiter()
    assert plan.stands(fault)
    assert plan.hold(fault, waiter)
    injector.add(rule("other", enabled=False))
    assert 0 == waiter.sets
    stop(injector)
    assert 1 == waiter.sets
    assert not plan.stands(fault)
    assert not plan.hold(fault, Waiter())


def test_a_fault_of_two_rules_stands_while_one_does() -> None:
    """What one of them says would be left anyway."""
    injector = FaultInjector([rule("a"), rule("b", abort=None, delay={"fixed": 1})])
    plan = injector.plan("users", "shop")
    fault = drawn(plan)
    injector.remove("a")
    assert plan.stands(fault)
    injector.remove("b")
    assert not plan.stands(fault)


def test_who_was_let_go_is_not_told() -> None:
    """Twice is as once."""
    injector = FaultInjector([rule()])
    plan = injector.plan("users", "shop")
    fault, waiter = drawn(plan), Waiter()
    plan.hold(fault, waiter)
    plan.let_go(waiter)
    plan.let_go(waiter)
    injector.enabled = False
    assert 0 == waiter.sets


def test_a_gate_is_asked_before_and_after() -> None:
    """Before a draw, which then is none, and while a fault is carried out."""
    injector = FaultInjector([rule()])
    plan = injector.plan("users", "shop")
    reason = ""
    injector.gate = lambda: reason
    fault = drawn(plan)
    assert plan.stands(fault)
    reason = "closed"
    assert not plan.stands(fault)
    assert plan.decide("attempt", endpoint="", method="GET", path="/", headers={}) is None
    assert {"r": 1} == injector.injected


def test_a_child_begins_without_waits_and_log() -> None:
    """They are its parent's."""
    injector = FaultInjector([rule()])
    plan = injector.plan("users", "shop")
    fault, waiter = drawn(plan), Waiter()
    plan.hold(fault, waiter)
    plan.remember(fault.injections)
    injector.renew()
    injector.enabled = False
    assert 0 == waiter.sets
    assert () == injector.log.entries()


def test_the_log_keeps_the_last_thousand() -> None:
    """In the order in which they came, until it is cleared."""
    injector = FaultInjector()
    plan = injector.plan("users", "shop")
    for n in range(1003):
        plan.remember([Injection(f"r#{n}", "r", "status", "attempt", 0.0, "503")])
    entries = injector.log.entries()
    assert (1000, "r#3", "r#1002") == (len(entries), entries[0].id, entries[-1].id)
    injector.log.clear()
    assert () == injector.log.entries()
