"""
How an attempt ends that our own event loop has spoiled.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .._models import LoadSignal, OutcomeClass, Verdict

_SHARE = 0.1
"""
Part of a time-out that a stall must have taken to be its cause. An endpoint that had nine
tenths of its time has had it; else one that never answers would hide behind a process that
often stands still for a moment.
"""

_EARLY = 0.01
"""Seconds by which a timer may come before its time."""


def settle_stalled(attempt: Any, now: float, cause: object, hint: float) -> bool:
    """
    Settle *attempt*, which has its outcome, without what the loop's own stalls took of it.

    False, with nothing done, when none did. What is left is the least that the endpoint
    took. Where that is the smaller part, it is no measurement. A time-out that is due to
    the stall says nothing about the endpoint, but that it took at least what is left.
    """
    call, target = attempt.call, attempt.target
    stalls = call.service.stalls
    lost = min(stalls.overlap(attempt.started, now), attempt.elapsed)
    if lost <= 0.0:
        return False
    attempt.stalled = lost
    left = attempt.elapsed - lost
    outcome = attempt.outcome
    if isinstance(cause, call.service.timeouts):
        limit = _limit(attempt, cause, now)
        since = max(attempt.started, now - limit)
        if stalls.overlap(since, now) >= _SHARE * limit:
            attempt.outcome = outcome = excused(outcome)
    target.settle(outcome if left >= lost else unmeasured(outcome), now, left, hint)
    attempt.breaker.record(attempt.epoch, outcome.verdict, now, left, cause)
    return True


def _limit(attempt: Any, error: BaseException, now: float) -> float:
    """Seconds of the time-out that has passed."""
    whole: float = attempt.limit - attempt.started
    if now >= attempt.limit - _EARLY:
        return whole
    given = attempt.call.request.extensions.get("timeout") or {}
    # ReadTimeout is told by the limit `read`, and so on, in every SDK.
    seconds = given.get(type(error).__name__.lower().removesuffix("timeout"))
    return float(attempt.elapsed if seconds is None else seconds)


def share_lost(attempt: Any) -> bool:
    """Whether stalls took so much of *attempt* that its end says nothing about time."""
    return bool(attempt.stalled >= _SHARE * attempt.elapsed > 0.0)


@cache
def excused(outcome: OutcomeClass) -> OutcomeClass:
    """*outcome* without a word about the endpoint's health; it is tried again as before."""
    load = LoadSignal.AT_LEAST if outcome.load is LoadSignal.AT_LEAST else LoadSignal.NONE
    return OutcomeClass(outcome.name, Verdict.NEUTRAL, load, outcome.retryable)


@cache
def unmeasured(outcome: OutcomeClass) -> OutcomeClass:
    """*outcome* where the elapsed time is not the endpoint's latency."""
    if outcome.load is not LoadSignal.MEASURED:
        return outcome
    return OutcomeClass(outcome.name, outcome.verdict, LoadSignal.NONE, outcome.retryable)
