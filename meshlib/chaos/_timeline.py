"""
From the steps of a method to fault rules that begin and end by themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from ..faults import FaultRule
from ._options import PlanOptions, StepOptions

PREFIX = "chaos/"
"""What the names of all rules begin with that a run has made."""


def run_name(scenario: str, seed: int | None = None) -> str:
    """
    A name for a run of *scenario* that no other run has, but one with the same *seed*.

    What a rule draws follows from its name as well, so runs that are alike are called alike.
    """
    return f"{scenario}-{secrets.token_hex(3) if seed is None else f'seed{seed}'}"


def rules_of(plan: PlanOptions, run: str, *, seed: int | None = None) -> tuple[FaultRule, ...]:
    """
    The rules of *plan*, which act at their times from when they are put in force on.

    They are called `chaos/<run>/<fault>`, so that they can be told from others and taken
    out. Each ends with the method by itself, also where nobody takes it out. With a *seed*
    each has one of its own, unless it has one already.
    """
    rules: list[FaultRule] = []
    for step in plan.method:
        for turn, (start, end) in enumerate(_spans(step, plan.duration)):
            for rule in step.faults:
                name = f"{PREFIX}{run}/{rule.name}" + (f".{turn + 1}" if turn else "")
                begins = start + (rule.start_after or 0.0)
                if begins < end:
                    lasts = end - begins
                    rules.append(
                        rule.model_copy(
                            update={
                                "name": name,
                                "start_after": begins,
                                "duration": min(lasts, rule.duration or lasts),
                                "seed": rule.seed if seed is None else _seed(rule, seed, rules),
                            }
                        )
                    )
    return tuple(rules)


def fault_of(name: str) -> str:
    """What the fault is called in its scenario whose rule is called *name*."""
    fault = name.removeprefix(PREFIX).partition("/")[2]
    stem, dot, turn = fault.rpartition(".")
    return stem if dot and turn.isdecimal() else fault


def run_of(name: str) -> str | None:
    """The run that made the rule called *name*; None for a rule of somebody else."""
    run, slash, _ = name.removeprefix(PREFIX).partition("/")
    return run if slash and name.startswith(PREFIX) else None


def _spans(step: StepOptions, duration: float) -> Iterator[tuple[float, float]]:
    lasts = duration if step.for_ is None else step.for_
    start = step.at
    while start < duration:
        yield start, min(start + lasts, duration)
        if step.every is None:
            return
        start += step.every


def _seed(rule: FaultRule, seed: int, before: list[FaultRule]) -> int:
    return seed + len(before) if rule.seed is None else rule.seed
