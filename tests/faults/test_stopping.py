"""What stops faults, what lets requests bring some, and what is remembered of each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from meshlib.faults import Fault, FaultInjector, FaultPlan, FaultRule, Injection
from meshlib.faults._rule import Rule

Decide = Callable[..., Fault | None]


def rule(name: str = "r", **document: Any) -> FaultRule:
    """Make a rule that aborts every attempt with 500 unless told otherwise."""
    return FaultRule.model_validate({"name": name, "abort": {"status": 500}, **document})


def test_forbidden_injector_cannot_be_enabled(decide: Decide) -> None:
    """Where faults may not run, no switch lets them; permitted, all is as before."""
    injector = FaultInjector([rule()])
    plan = injector.plan("users", "checkout")
    injector.forbid("this is production")
    injector.enabled = True
    injector.add(rule("late"))
    assert ("this is production", False) == (injector.forbidden, injector.enabled)
    assert decide(plan) is None
    assert not plan.has_attempt
    injector.permit()
    assert ("", True) == (injector.forbidden, injector.enabled)
    assert decide(plan) is not None


def test_a_reason_may_be_empty() -> None:
    """Forbidden is forbidden."""
    injector = FaultInjector([rule()])
    injector.forbid("")
    assert ("it is forbidden", False) == (injector.forbidden, injector.enabled)


class Waiter:
    """Something that waits because of a fault."""

    woken = False

    def set(self) -> None:
        """End the wait."""
        self.woken = True


@pytest.mark.parametrize("change", ["off", "forbid", "disable", "remove"])
def test_fault_that_is_called_off_stands_no_more(change: str, decide: Decide) -> None:
    """Whoever waits for it is woken, and whoever comes late does not wait at all."""
    injector = FaultInjector([rule(), rule("other", match={"path": "/other"})])
    plan = injector.plan("users", "checkout")
    fault, other = decide(plan, hold=True), decide(plan, hold=True, path="/other")
    assert fault is not None
    assert other is not None
    waiter, gone = Waiter(), Waiter()
    assert plan.hold(fault, waiter)
    assert plan.hold(fault, gone)
    plan.let_go(gone)
    plan.let_go(gone)
    assert plan.stands(fault)
    injector.disable("other")
    assert plan.stands(other)  # its first rule still is in force
    assert (False, False) == (waiter.woken, gone.woken)
    if change == "off":
        injector.enabled = False
    elif change == "forbid":
        injector.forbid("no")
    else:
        getattr(injector, change)("r")
    assert (True, False) == (waiter.woken, gone.woken)
    assert not plan.stands(fault)
    assert not plan.hold(fault, Waiter())


def test_gate_calls_faults_off(decide: Decide) -> None:
    """While it has a reason no fault stands, whenever it was drawn."""
    injector = FaultInjector([rule()])
    plan = injector.plan("users", "checkout")
    fault = decide(plan, hold=True)
    assert fault is not None
    injector.gate = lambda: "the file is there"
    assert not plan.stands(fault)
    injector.gate = lambda: ""
    assert plan.stands(fault)


def test_forked_child_waits_for_nothing(decide: Decide) -> None:
    """What its parent held back and remembered is not its own."""
    injector = FaultInjector([rule()])
    plan = injector.plan("users", "checkout")
    fault = decide(plan, hold=True)
    assert fault is not None
    waiter = Waiter()
    plan.hold(fault, waiter)
    plan.remember(fault.injections)
    injector.renew()
    injector.enabled = False
    assert not waiter.woken
    assert () == injector.log.entries()


def test_log_keeps_what_is_over(decide: Decide) -> None:
    """In the order in which calls ended; the oldest leaves first."""
    injector = FaultInjector([rule()])
    plan = injector.plan("users", "checkout")
    for _ in range(1002):
        fault = decide(plan)
        assert fault is not None
        plan.remember(fault.injections)
    entries = injector.log.entries()
    assert (1000, "r#3", "r#1002") == (len(entries), entries[0].id, entries[-1].id)
    injector.log.clear()
    assert () == injector.log.entries()


def test_fault_names_its_kinds(decide: Decide) -> None:
    """Each once, in their order."""
    rules = [rule("a", delay={"fixed": 1}), rule("b", delay={"fixed": 1})]
    fault = decide(FaultInjector(rules).plan("users", "checkout"))
    assert fault is not None
    assert "delay+status" == fault.kinds


def test_gate_is_asked_at_every_decision(decide: Decide) -> None:
    """While it has a reason nothing is injected, and no sequence goes on."""
    injector = FaultInjector([rule(sequence=[501, 502])])
    plan = injector.plan("users", "checkout")
    reasons = ["", "the file is there", ""]
    injector.gate = lambda: reasons.pop(0)
    faults = [decide(plan) for _ in range(3)]
    assert [501, None, 502] == [fault and fault.status for fault in faults]


def test_no_fault_is_decided_after_the_switch() -> None:
    """Threads decide as fast as they can: none ends with a fault after the call returned."""
    rounds = 50
    injector = FaultInjector([rule()])
    plan = injector.plan("users", "checkout")
    off = threading.Event()
    together = threading.Barrier(5)
    late: list[Fault] = []

    def work() -> None:
        for _ in range(rounds):
            together.wait()
            more = 20
            while more:
                was_off = off.is_set()
                fault = plan.decide("attempt", endpoint="", method="GET", path="/", headers={})
                if was_off:
                    more -= 1
                    if fault is not None:
                        late.append(fault)
            together.wait()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        together.wait()
        injector.enabled = False
        off.set()
        together.wait()
        off.clear()
        injector.enabled = True
    for thread in threads:
        thread.join()
    assert [] == late


@pytest.mark.parametrize("change", ["disable", "remove", "off"])
def test_decision_that_began_before_a_change_follows_it(change: str) -> None:
    """What matched before the switch draws nothing after it."""
    injector = FaultInjector([rule()])

    def switch() -> str:
        injector.gate = None
        if change == "off":
            injector.enabled = False
        else:
            getattr(injector, change)("r")
        return ""

    injector.gate = switch
    plan = injector.plan("users", "checkout")
    assert plan.decide("attempt", endpoint="", method="GET", path="/", headers={}) is None


def test_requests_bring_rules_of_their_own(decide: Decide) -> None:
    """They come after the others, for what they match, and keep their state."""
    injector = FaultInjector([rule("mine", match={"path": "/mine"})])
    plan = injector.plan("users", "checkout")
    brought = [
        injector.compile(rule("theirs", match={"service": "users"}, max_total=1)),
        injector.compile(rule("elsewhere", match={"service": "orders"})),
        injector.compile(rule("call", phase="call")),
        injector.compile(rule("off", enabled=False)),
    ]
    asked: list[tuple[str, str, str]] = []

    def extra(plan: FaultPlan, phase: str, headers: Any) -> Sequence[Rule]:
        asked.append((plan.service, phase, headers["k"]))
        return brought

    assert not plan.has_call
    injector.extra = extra
    assert extra is injector.extra
    assert plan.has_attempt
    assert plan.has_call
    headers = {"k": "v"}
    first = decide(plan, path="/mine", headers=headers)
    second = decide(plan, headers=headers)
    third = decide(plan, "call", headers=headers)
    assert first is not None
    assert third is not None
    assert ("mine", "call") == (first.rule, third.rule)
    assert second is not None
    assert "theirs" == second.rule
    assert decide(plan, headers=headers) is None
    assert ("users", "attempt", "v") == asked[0]
    injector.enabled = False
    assert not plan.has_call
    injector.enabled = True
    injector.extra = None
    assert not plan.has_call


def test_injection_is_remembered(decide: Decide) -> None:
    """Each thing that each rule did has a record of its own."""
    rules = [
        rule("a", delay={"fixed": 0.25}, abort=None, response={"bandwidth": 5, "truncate": 3}),
        rule("b", abort={"error": "reset", "after": 10}, sequence=["ok", "fail"]),
    ]
    plan = FaultInjector(rules, clock=lambda: 12.5).plan("users", "checkout")
    first, second = decide(plan, endpoint="a:1"), decide(plan, endpoint="a:2")
    assert first is not None
    assert second is not None
    assert [
        Injection("a#1", "a", "delay", "attempt", 12.5, "0.25", "users", "a:1"),
        Injection("a#2", "a", "truncate", "attempt", 12.5, "3", "users", "a:1"),
        Injection("a#3", "a", "bandwidth", "attempt", 12.5, "5", "users", "a:1"),
    ] == [*first.injections]
    assert [
        Injection("a#4", "a", "delay", "attempt", 12.5, "0.25", "users", "a:2"),
        Injection("b#1", "b", "error", "attempt", 12.5, "reset after 10", "users", "a:2"),
    ] == [*second.injections]


def test_names_that_come_and_go_are_not_kept_for_ever(decide: Decide) -> None:
    """The number goes on for rules that act again soon; of a thousand others the oldest goes."""
    injector = FaultInjector([], clock=lambda: 12.5)

    def act(name: str) -> str:
        injector.add(rule(name))
        fault = decide(injector.plan("users", "checkout"))
        injector.remove(name)
        assert fault is not None
        return fault.injections[0].id

    assert ["a#1", "b#1", "a#2"] == [act("a"), act("b"), act("a")]
    for number in range(999):
        act(f"storm-{number}")
    assert ["a#3", "b#1"] == [act("a"), act("b")]


@pytest.mark.parametrize(
    ("document", "kind", "what"),
    [
        ({"abort": {"status": 503}}, "status", "503"),
        ({"abort": {"error": "dns"}}, "error", "dns"),
        ({"abort": {"blackhole": True}}, "blackhole", "read"),
        ({"abort": None, "sequence": ["tls_expired"]}, "error", "tls_expired"),
        ({"abort": None, "quota": {"requests": 0, "window": 9}}, "quota", "429"),
        ({"abort": None, "response": {"chunk_delay": 0.5}}, "chunk_delay", "0.5"),
        ({"abort": None, "response": {"corrupt": "json"}}, "corrupt", "json"),
        ({"abort": None, "response": {"body": ""}}, "replace", "body"),
        ({"abort": None, "response": {"headers": {"remove": ["a"]}}}, "replace", "headers"),
    ],
)
def test_injection_says_what_was_done(
    document: dict[str, Any], kind: str, what: str, decide: Decide
) -> None:
    """A kind to count by, and the whole of it to read; in phase `call`, too."""
    plan = FaultInjector([rule(phase="call", **document)]).plan("users", "checkout")
    fault = decide(plan, "call")
    assert fault is not None
    assert [(kind, what, "call")] == [(i.kind, i.what, i.phase) for i in fault.injections]
