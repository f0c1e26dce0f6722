"""Runs that are the same again, and rates that are what was asked for."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.faults import Fault, FaultInjector, FaultPlan, FaultRule

Decide = Callable[..., Fault | None]
CALLS = 20_000


def rule(name: str = "r", **document: Any) -> FaultRule:
    """Make a rule."""
    return FaultRule.model_validate({"name": name, **document})


def near(share: float, count: int, calls: int = CALLS) -> bool:
    """Whether *count* of the calls are a *share* of them, within three standard errors."""
    return abs(count / calls - share) <= 3 * math.sqrt(share * (1 - share) / calls)


def decided(plan: FaultPlan, **facts: Any) -> Fault | None:
    """Decide about one attempt."""
    said = {"endpoint": "", "method": "GET", "path": "/", "headers": {}, **facts}
    fault = plan.decide("attempt", **said)
    if fault is not None:
        plan.release(fault)
    return fault


@pytest.mark.parametrize(
    ("percentage", "part"),
    [
        (0.1, {"delay": {"fixed": 1, "percentage": 0.1}}),
        (5, {"abort": {"status": 500, "percentage": 5}}),
        (50, {"response": {"bandwidth": 1, "percentage": 50}}),
        (99, {"abort": {"status": 500}, "percentage": 99}),
    ],
)
def test_rate_of_a_single_rule(part: dict[str, Any], percentage: float) -> None:
    """Of 20,000 calls the share that is touched is the percentage."""
    one = rule(**part, seed=1)
    plan = FaultInjector([one]).plan("u", "c")
    touched = sum(decided(plan) is not None for _ in range(CALLS))
    assert near(percentage / 100, touched)


def test_rates_of_combined_rules() -> None:
    """Parts and rules are independent, also with one seed: combinations are as their product."""
    rules = [
        rule(
            "a",
            delay={"fixed": 1, "percentage": 20},
            abort={"status": 500, "percentage": 5},
            seed=3,
        ),
        rule("b", delay={"fixed": 2, "percentage": 40}, percentage=50, seed=3),
        rule("c", response={"bandwidth": 1, "percentage": 30}, seed=3),
    ]
    plan = FaultInjector(rules).plan("u", "c")
    seen: Counter[tuple[float, bool, bool]] = Counter()
    for _ in range(CALLS):
        fault = decided(plan)
        if fault is not None:
            seen[fault.delay, fault.aborts, fault.response is not None] += 1
        else:
            seen[0, False, False] += 1
    a, b, c, down = 0.2, 0.2, 0.3, 0.05
    for delay, share in {
        0.0: (1 - a) * (1 - b),
        1.0: a * (1 - b),
        2.0: (1 - a) * b,
        3.0: a * b,
    }.items():
        assert near(share * down, seen[delay, True, False]), delay
        assert near(share * (1 - down) * c, seen[delay, False, True]), delay
        assert near(share * (1 - down) * (1 - c), seen[delay, False, False]), delay


def test_percentages_multiply() -> None:
    """The rule's is a share of what matches, and the part's a share of that."""
    half = rule(percentage=50, abort={"status": 500, "percentage": 30}, seed=8)
    plan = FaultInjector([half]).plan("u", "c")
    assert near(0.15, sum(decided(plan) is not None for _ in range(CALLS)))


def test_draws_are_independent_of_each_other() -> None:
    """After a fault the next call is as likely to meet one as any."""
    plan = FaultInjector([rule(abort={"status": 500, "percentage": 30}, seed=3)]).plan("u", "c")
    hits = [decided(plan) is not None for _ in range(CALLS)]
    after = [second for first, second in pairwise(hits) if first]
    assert near(0.3, sum(after), len(after))


SEEDED = [
    rule("slow", delay={"lognormal": {"median": 1}, "percentage": 40}, seed=7),
    rule("down", abort={"status": 503, "percentage": 20}, seed=7),
    rule("bad", response={"corrupt": "bytes", "percentage": 30}, seed=9),
    rule("odd", sequence=["ok", 500, "fail"], delay={"fixed": 1}),
]


def run_tasks(plan: FaultPlan, order: random.Random, *, tasks: int = 50) -> list[Fault | None]:
    """Let so many tasks decide 20 times each, in an *order* of their own."""
    decided_: list[Fault | None] = []

    async def work() -> None:
        for _ in range(20):
            for _ in range(order.randrange(3)):
                await asyncio.sleep(0)
            decided_.append(decided(plan))

    async def run() -> None:
        await asyncio.gather(*(work() for _ in range(tasks)))

    asyncio.run(run())
    return decided_


def test_run_of_50_tasks_is_that_of_one() -> None:
    """The n-th call meets the same, however many tasks there are and who comes when."""
    alone = FaultInjector(SEEDED).plan("u", "c")
    expected = [decided(alone) for _ in range(1000)]
    for seed in (1, 2):
        tasks = run_tasks(FaultInjector(SEEDED).plan("u", "c"), random.Random(seed))
        assert expected == tasks
    assert len({str(fault) for fault in expected}) > 300


def test_keyed_rule_gives_each_request_its_own_fate() -> None:
    """50 tasks in any order: the same request meets the same, and so does its retry."""
    keyed = [
        rule("r", delay={"uniform": [0, 1], "percentage": 50}, seed=7, keyed="header:x-request-id")
    ]

    def run(order: random.Random) -> dict[str, Fault | None]:
        plan = FaultInjector(keyed).plan("u", "c")
        fates: dict[str, Fault | None] = {}

        async def work(task: int) -> None:
            for number in range(10):
                for _ in range(order.randrange(3)):
                    await asyncio.sleep(0)
                key = f"{task}-{number}"
                fates[key] = decided(plan, headers={"X-Request-Id": key})
                assert fates[key] == decided(plan, headers={"x-request-id": key})

        async def tasks() -> None:
            await asyncio.gather(*(work(task) for task in range(50)))

        asyncio.run(tasks())
        return fates

    first, second = run(random.Random(1)), run(random.Random(2))
    assert [*first] != [*second]
    assert first == second
    assert near(0.5, sum(fault is not None for fault in first.values()), 500)


def test_keys_of_any_text_are_taken() -> None:
    """Also those that no encoding has."""
    keyed = rule(abort={"status": 500}, keyed="header:x")
    plan = FaultInjector([keyed]).plan("u", "c")
    assert decided(plan, headers={"x": "\ud800"}) is not None


@given(st.integers(), st.integers(1, 60), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_decisions_of_many_calls_do_not_depend_on_others(
    seed: int, calls: int, order: random.Random
) -> None:
    """Calls of another service between them move nothing."""
    mine = rule("mine", abort={"status": 500, "percentage": 50}, seed=seed)
    other = rule("other", abort={"status": 501}, match={"service": "other"}, seed=seed)
    expected_of = FaultInjector([mine]).plan("u", "c")
    expected = [decided(expected_of) is not None for _ in range(calls)]
    injector = FaultInjector([other, mine])
    plan = injector.plan("u", "c")
    elsewhere = FaultInjector([mine]).plan("other", "c")
    got = []
    for _ in range(calls):
        if order.random() < 0.5:
            decided(elsewhere)
        got.append(decided(plan) is not None)
    assert expected == got


def test_rules_without_a_seed_are_different() -> None:
    """Two of one mesh do not touch the same calls."""
    rules = [rule(name, abort={"status": 500, "percentage": 50}) for name in "ab"]
    plan = FaultInjector(rules, rng=random.Random(1)).plan("u", "c")
    first = [fault.rule for fault in (decided(plan) for _ in range(200)) if fault]
    assert {"a", "b"} == set(first)
    assert near(0.75, len(first), 200)
