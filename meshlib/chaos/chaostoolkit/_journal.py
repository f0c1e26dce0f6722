"""
What the journal of an experiment has shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._course import Verdict


def verdict_of(journal: Mapping[str, Any]) -> tuple[Verdict, tuple[str, ...]]:
    """
    The verdict on a *journal* of Chaos Toolkit, and the reasons for it.

    It is inconclusive when the experiment was not carried through, its hypothesis did not
    hold before the method, no action of the method succeeded, or no fault fired; it failed
    when the hypothesis did not hold after the method, or a probe of the method was not
    within its tolerance.
    """
    before = (journal.get("steady_states") or {}).get("before")
    if before is not None and not before.get("steady_state_met"):
        return Verdict.INCONCLUSIVE, ("the steady state did not hold before the method",)
    if journal.get("status") in ("interrupted", "aborted"):
        return Verdict.INCONCLUSIVE, (f"the experiment was {journal['status']}",)
    doubts: list[str] = []
    faults: list[str] = []
    runs = journal.get("run") or []
    if not any(_is(run, "action") and run.get("status") == "succeeded" for run in runs):
        doubts.append("no action of the method succeeded")
    for run in runs:
        name = run["activity"].get("name", "")
        if run.get("status") != "succeeded":
            doubts.append(f"{name}: {_last(run.get('exception'))}")
        elif not _judged(run["activity"].get("tolerance")) or within(
            run["activity"]["tolerance"], run.get("output")
        ):
            continue
        elif run["activity"]["provider"].get("func") == "faults_fired":
            doubts.append("no fault fired")
        else:
            faults.append(f"{name}: {run.get('output')!r} is not within the tolerance")
    if journal.get("deviated"):
        faults.append("the steady state did not hold after the method")
    if doubts:
        return Verdict.INCONCLUSIVE, (*doubts, *faults)
    return (Verdict.FAIL if faults else Verdict.PASS), tuple(faults)


KNOWN = ("range", "regex")
"""The types of tolerance that are judged here, beside plain values."""


def _judged(tolerance: Any) -> bool:
    return tolerance is not None and (
        not isinstance(tolerance, Mapping) or tolerance.get("type") in KNOWN
    )


def within(tolerance: Any, value: Any) -> bool:
    """
    Whether *value*, which a probe returned, is within *tolerance*, as Chaos Toolkit means it.

    https://chaostoolkit.org/reference/api/experiment/#steady-state-probe-tolerance
    """
    if isinstance(tolerance, Mapping):
        target = tolerance.get("target")
        if target and isinstance(value, Mapping):
            value = value.get(target, value)
        if tolerance["type"] == "regex":
            return re.search(tolerance["pattern"], str(value)) is not None
        low, high = tolerance["range"]
        return _is_number(value) and low <= value <= high
    status = value.get("status") if isinstance(value, Mapping) else None
    if isinstance(tolerance, list):
        if status is not None:
            return status in tolerance
        if len(tolerance) == 2 and _is_number(value):
            return bool(tolerance[0] <= value <= tolerance[1])
        return value in tolerance
    if status is not None and isinstance(tolerance, int) and not isinstance(tolerance, bool):
        return bool(status == tolerance)
    return bool(value == tolerance)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is(run: Mapping[str, Any], kind: str) -> bool:
    return bool(run["activity"].get("type") == kind)


def _last(lines: Any) -> str:
    return str(lines[-1]).strip() if lines else "failed"
