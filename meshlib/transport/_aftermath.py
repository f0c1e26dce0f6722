"""
What became of faults: how the call that met them was answered all the same, or was not.
"""

from __future__ import annotations

from typing import Any

from .._models import CANCELLED, Verdict
from ..events import InjectionFinished
from ..faults import Fault, Injection
from ._attempt import Attempt

_WAITS = frozenset({"delay", "chunk_delay", "bandwidth"})
"""Kinds that whoever has the patience gets a good answer in spite of."""
_PACE = frozenset({"chunk_delay", "bandwidth"})
"""Those of them that cost time after the response headers."""


def finish_injections(call: Any) -> None:
    """Fill in the second half of each injection of *call*, which is over, and tell it once."""
    status, error, ended = call.end
    call.end = None
    answerer = None if call.fallback_used is not None else _answerer(call, status)
    result = type(error).__name__ if error is not None else call.body_error or str(status)
    own = _own(answerer or (call.attempts[-1] if error is not None and call.attempts else None))
    added = ended - call.started - call.waited - own
    well = error is None and call.body_error is None
    paced = call.clock() - ended
    for fault, attempt in call.injected:
        for injection in fault.injections:
            injection.retries = _retries(call, attempt)
            injection.breaker = None if attempt is None else attempt.breaker.state.value
            injection.fallback = call.fallback_used
            injection.hedge = _is_hedge(answerer) and answerer is not attempt
            injection.result = result
            injection.added_latency = max(added + (paced if injection.kind in _PACE else 0.0), 0.0)
            if well:
                injection.absorbed_by = _absorbed(call, fault, attempt, injection, answerer)
        call.faults.remember(fault.injections)
        if call.service.listening:
            for injection in fault.injections:
                call.service.emit(InjectionFinished(service=call.service.name, injection=injection))


def _answerer(call: Any, status: int | None) -> Attempt | None:
    """The attempt whose response the caller got; None for none of them."""
    found = None
    for attempt in call.attempts:
        if status is not None and attempt.status == status and attempt.outcome is not CANCELLED:
            found = attempt
    return found


def _own(attempt: Attempt | None) -> float:
    """Seconds that *attempt* would have taken without its fault."""
    if attempt is None:
        return 0.0
    fault = attempt.fault
    if fault is None:
        return attempt.elapsed
    if fault.aborts and fault.when == "before" and fault.after_bytes is None:
        return 0.0
    return max(attempt.elapsed - fault.delay - fault.delay_after, 0.0)


def _is_hedge(attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.hedge


def _retries(call: Any, attempt: Attempt | None) -> int:
    number = 1 if attempt is None else attempt.number
    return sum(each.number > number and not each.hedge for each in call.attempts)


def _absorbed(
    call: Any,
    fault: Fault,
    attempt: Attempt | None,
    injection: Injection,
    answerer: Attempt | None,
) -> str | None:
    """What kept *injection* from the caller, who got a response; None if nothing did."""
    if call.fallback_used is not None:
        return "fallback"
    if answerer is None or answerer.outcome is None:
        return None
    if answerer.outcome.verdict is not Verdict.SUCCESS:
        return None
    if attempt is None or attempt is answerer:
        return "patience" if injection.kind in _WAITS and not fault.aborts else None
    return "hedge" if answerer.hedge or attempt.hedge else "retry"
