"""
Who learns of an attempt that has ended, beyond its endpoint: canaries, hedges, limits.
"""

from __future__ import annotations

from typing import Any

from .._models import (
    BROKEN,
    DEADLINE,
    NEVER_SENT,
    OVERLOADED,
    SUCCESS,
    UNAVAILABLE,
    LoadSignal,
    OutcomeClass,
    Retryable,
    Verdict,
)
from ._attempt import Attempt
from ._load_reports import note_outcome
from ._stalled import share_lost
from ._throttling import note_settled

_DROPPED = frozenset({DEADLINE, OVERLOADED, UNAVAILABLE})
"""The service found no time for it, or said so."""
_FLOODED = {
    BROKEN: OutcomeClass("broken", Verdict.SHED, LoadSignal.AT_LEAST, Retryable.IDEMPOTENT),
    NEVER_SENT: OutcomeClass("never_sent", Verdict.SHED, LoadSignal.PENALISED, Retryable.ANY),
}
"""
Late with most others of the service: no sign of a dead endpoint. To a breaker it is what a
refusal for load is. Else breakers would open wherever too much was sent at once, and what one
lets through when it closes again, all of it, would open it anew.
"""
_LATE = frozenset({*_FLOODED, *_FLOODED.values()})
"""Where the error is a time-out: what was waited for in vain, in another way than broken off."""


def failure_of(call: Any, error: Exception, now: float) -> OutcomeClass:
    """The class of *error*, in which an attempt of *call* has ended."""
    call.special = True  # a limit learns of it, also where it asks for nothing else
    outcome: OutcomeClass = call.policies.classifier.error(error)
    late = isinstance(error, call.service.timeouts)
    if call.callers_deadline and now >= call.deadline and (outcome is BROKEN or late):
        return DEADLINE
    if late and outcome in _FLOODED and call.lane.bulkhead.flooded(now):
        return _FLOODED[outcome]
    return outcome


def tell_settled(call: Any, attempt: Attempt, now: float, response: Any = None) -> None:
    """The attempt, which was not cancelled, has its outcome."""
    lane, outcome = call.lane, attempt.outcome
    if call.routed is not None:
        call.routed.settled(attempt)
    if lane.policies.load_reports and outcome is not None:
        note_outcome(lane.balancer, attempt, outcome, response)
    elapsed = attempt.elapsed - attempt.stalled
    if lane.hedge is not None and outcome is SUCCESS and elapsed >= attempt.stalled:
        lane.hedge.observe(elapsed, now)
    service, bulkhead = call.service, lane.bulkhead
    if call.counted:
        note_settled(call, attempt, now)
    if outcome is DEADLINE:
        service.guard.lost += 1
    if bulkhead.adaptive is None:
        return
    # A connection that broke says nothing about load; one that was waited for in vain does.
    late = outcome in _LATE and isinstance(attempt.error, service.timeouts)
    if late or outcome in _DROPPED:
        if outcome is not DEADLINE or not share_lost(attempt):
            bulkhead.observe(now, elapsed, dropped=True)
    elif outcome is SUCCESS and elapsed >= attempt.stalled:
        bulkhead.observe(now, elapsed)
    if bulkhead.attentive is not service.attentive and bulkhead is service.bulkhead:
        service.simplify()
