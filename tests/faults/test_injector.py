"""Rules that are counted and limited across plans and threads."""

from __future__ import annotations

import gc
import random
import threading
from collections.abc import Callable
from typing import Any

from meshlib.faults import Fault, FaultInjector, FaultPlan, FaultRule

Decide = Callable[..., Fault | None]


def rule(name: str = "r", **document: Any) -> FaultRule:
    """Make a rule that aborts every attempt with 500 unless told otherwise."""
    return FaultRule.model_validate({"name": name, "abort": {"status": 500}, **document})


def sequence(plan: FaultPlan, count: int, decide: Decide) -> list[bool]:
    """Decide *count* times whether an attempt is touched."""
    return [decide(plan) is not None for _ in range(count)]


HALF: dict[str, Any] = {"abort": {"status": 500, "percentage": 50}, "seed": 11}


def test_plan_is_none_when_no_rule_concerns_the_service() -> None:
    """A service that nothing is injected into costs nothing."""
    injector = FaultInjector([rule(match={"service": "users", "source": "checkout"})])
    assert injector.for_service("orders", "checkout") is None
    assert injector.for_service("users", "billing") is None
    assert FaultInjector([]).for_service("users", "checkout") is None
    plan = injector.for_service("users", "checkout")
    assert plan is not None
    assert plan.has_attempt


def test_plan_holds_only_the_rules_that_concern_it(decide: Decide) -> None:
    """A rule for another service does not act, though the plan exists."""
    injector = FaultInjector(
        [
            rule("other", match={"service": "orders"}),
            rule("mine", match={"service": "users"}, abort={"status": 501}),
        ]
    )
    plan = injector.plan("users", "checkout")
    fault = decide(plan)
    assert fault is not None
    assert "mine" == fault.rule


def test_default_generator_is_its_own() -> None:
    """Without a generator one is made, and Python's global one is left alone."""
    before = random.getstate()
    plan = FaultInjector([rule(abort={"status": 500, "percentage": 50})]).plan("u", "c")
    facts: dict[str, Any] = {"endpoint": "", "method": "GET", "path": "/"}
    drawn = [plan.decide("attempt", headers={}, **facts) is not None for _ in range(200)]
    assert {True, False} == set(drawn)
    assert before == random.getstate()


def test_max_active_limits_faults_in_force(decide: Decide) -> None:
    """With two in force the third attempt passes, until one is released."""
    injector = FaultInjector([rule(max_active=2)])
    plan = injector.plan("users", "checkout")
    first, second = decide(plan, hold=True), decide(plan, hold=True)
    assert first is not None
    assert second is not None
    assert decide(plan) is None
    assert {"r": 2} == injector.active
    plan.release(first)
    assert decide(plan, hold=True) is not None
    assert decide(plan) is None
    assert {"r": 3} == injector.injected


def test_release_is_idempotent(decide: Decide) -> None:
    """A fault that is released twice makes one place."""
    injector = FaultInjector([rule(max_active=2)])
    plan = injector.plan("users", "checkout")
    first = decide(plan, hold=True)
    decide(plan, hold=True)
    assert first is not None
    plan.release(first)
    plan.release(first)
    assert {"r": 1} == injector.active


def test_max_active_is_shared_between_plans(decide: Decide) -> None:
    """The limit is the rule's, whichever service is called."""
    injector = FaultInjector([rule(max_active=1)])
    users, orders = injector.plan("users", "c"), injector.plan("orders", "c")
    fault = decide(users, hold=True)
    assert fault is not None
    assert decide(orders) is None
    orders.release(fault)
    assert decide(orders) is not None


def test_full_rule_leaves_the_abort_to_the_next(decide: Decide) -> None:
    """A rule that passes because it is full does not win."""
    injector = FaultInjector([rule("a", max_active=1), rule("b", abort={"status": 501})])
    plan = injector.plan("users", "checkout")
    faults = [decide(plan, hold=True) for _ in range(2)]
    assert ["a", "b"] == [fault.rule for fault in faults if fault is not None]


def test_release_ends_every_rule_that_acted(decide: Decide) -> None:
    """A fault of two rules holds a place in both, and gives both back."""
    injector = FaultInjector([rule("a", abort=None, delay={"fixed": 1}), rule("b")])
    plan = injector.plan("users", "checkout")
    fault = decide(plan, hold=True)
    assert fault is not None
    assert {"a": 1, "b": 1} == injector.active
    plan.release(fault)
    assert {"a": 0, "b": 0} == injector.active


def test_full_rule_keeps_drawing(decide: Decide) -> None:
    """Being full does not shift a seeded sequence."""
    expected = sequence(FaultInjector([rule(**HALF)]).plan("u", "c"), 60, decide)
    first = expected.index(True)
    assert any(expected[first + 1 : first + 11])
    plan = FaultInjector([rule(**HALF, max_active=1)]).plan("u", "c")
    assert [False] * first == sequence(plan, first, decide)
    held = decide(plan, hold=True)
    assert held is not None
    assert [False] * 10 == sequence(plan, 10, decide)
    plan.release(held)
    assert expected[first + 11 :] == sequence(plan, 60 - first - 11, decide)


def test_max_active_holds_under_threads() -> None:
    """Threads that decide and release at once never exceed the limit, and leave no place."""
    injector = FaultInjector([rule(max_active=3)])
    plan = injector.plan("users", "checkout")
    lock = threading.Lock()
    start = threading.Barrier(12)
    state = {"now": 0, "most": 0, "decided": 0}

    def work() -> None:
        start.wait()
        for _ in range(200):
            fault = plan.decide("attempt", endpoint="", method="GET", path="/", headers={})
            if fault is None:
                continue
            with lock:
                state["now"] += 1
                state["decided"] += 1
                state["most"] = max(state["most"], state["now"])
            with lock:
                state["now"] -= 1
            plan.release(fault)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= state["most"] <= 3
    assert {"r": 0} == injector.active
    assert {"r": state["decided"]} == injector.injected


def test_max_active_holds_when_threads_decide_at_once() -> None:
    """Of 16 that decide together and hold, exactly the limit is touched."""
    plan = FaultInjector([rule(max_active=5)]).plan("users", "checkout")
    start = threading.Barrier(16)
    decided: list[Fault | None] = []

    def work() -> None:
        start.wait()
        decided.append(plan.decide("attempt", endpoint="", method="GET", path="/", headers={}))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 5 == sum(fault is not None for fault in decided)


def test_seeded_sequence_is_one_for_all_threads() -> None:
    """Threads take turns in the sequence: together they are touched as often as one."""
    injector = FaultInjector([rule(**HALF)])
    plan = injector.plan("users", "checkout")
    facts: dict[str, Any] = {"endpoint": "", "method": "GET", "path": "/"}

    def work() -> None:
        for _ in range(250):
            plan.decide("attempt", headers={}, **facts)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = FaultInjector([rule(**HALF)])
    mine = alone.plan("users", "checkout")
    for _ in range(1000):
        mine.decide("attempt", headers={}, **facts)
    assert 400 < alone.injected["r"] < 600
    assert alone.injected == injector.injected


def test_plans_that_nobody_uses_are_forgotten() -> None:
    """A mesh that asks for many plans does not keep them."""
    injector = FaultInjector([rule()])
    kept = injector.plan("users", "c")
    for number in range(20):
        injector.plan(f"service-{number}", "c")
    gc.collect()
    assert [kept] == list(injector._plans)


def test_renewed_injector_has_no_fault_in_force(decide: Decide) -> None:
    """A forked child has its own lock and all places, and late releases do no harm."""
    injector = FaultInjector([rule(max_active=1)])
    plan = injector.plan("users", "checkout")
    stale = decide(plan, hold=True)
    assert stale is not None
    with injector._lock:
        injector.renew()
        assert {"r": 0} == injector.active
        plan.release(stale)
    assert {"r": 0} == injector.active
    assert decide(plan, hold=True) is not None
    assert decide(plan) is None
