"""
What answers say of themselves, and what of it goes up to whoever called this process.

Outside origins are not asked: what they send is theirs.
"""

from __future__ import annotations

from typing import Any

from .._context import Serving, served_request
from .._marks import FAULTS, RETRIES, SPENT, Marks, fault_name, read_faults
from ._attempt import Attempt
from ._onward import OURS

_IN_VAIN = frozenset({"budget", "guard", "spent"})


def read_marks(call: Any, attempt: Attempt, headers: Any) -> None:
    """Take what a failed answer says of itself out of its *headers*, and remember it."""
    if call.service.outside not in OURS:
        return
    said = headers.get(FAULTS)
    if said is not None:
        del headers[FAULTS]
        attempt.upstream_faults = read_faults(said)
        marks = _marks()
        if marks is not None:
            marks.add(attempt.upstream_faults)
    said = headers.get(RETRIES)
    if said is not None:
        del headers[RETRIES]
        attempt.spent = said == SPENT


def mark_fault(source: str, rule: str) -> None:
    """A fault is injected into a call, by this process, which is called *source*."""
    marks = _marks()
    if marks is not None:
        marks.add((fault_name(source, rule),))


def mark_spent(call: Any, reason: str) -> None:
    """A call is not tried again for this *reason*."""
    if reason in _IN_VAIN or (reason == "attempts" and call.number > 1):
        marks = _marks()
        if marks is not None:
            marks.spent = True


def _marks() -> Marks | None:
    served = served_request.get() if Serving.begun else None
    return None if served is None else served.marks
