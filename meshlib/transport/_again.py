"""
Whether a call makes another attempt: after one that failed, or beside one in flight.

Retries and hedges draw on one `max_attempts` and one budget.
"""

from __future__ import annotations

from typing import Any

from .._exceptions import CallRejectedError, DeadlineExceededError
from .._models import NEVER_SENT, POOL_TIMEOUT, OutcomeClass, Retryable
from ..events import HedgeStarted, RetryRefused, RetryScheduled
from ..retry import server_hint
from ._attempt import Attempt
from ._guarding import withheld
from ._onward import may_try_again
from ._upward import mark_spent


def judge(
    call: Any, status: int, headers: Any, outcome: OutcomeClass
) -> tuple[OutcomeClass, float | None]:
    """The class of a response that is no success, and how long its server asks to wait."""
    call.special = True  # a limit learns of it, also where it asks for nothing else
    if outcome.retryable is Retryable.NEVER:
        return outcome, None
    hint = server_hint(headers, call.service.wall)
    if status == 503:
        given = hint is not None and "retry-after" in headers
        outcome = call.policies.classifier.status(status, retry_after=given)
    return outcome, hint


def retry_delay(call: Any, outcome: OutcomeClass, now: float, hint: float | None) -> float | None:
    """The wait before another attempt; the budget is asked last, so a refusal is free."""
    service = call.service
    retry = call.policies.retry
    delay = 0.0
    reason = _obstacle(call, outcome, now)
    if reason is None:
        if hint is None:
            delay = retry.backoff(call.number, call.attempts[-1].error)
        else:
            delay = hint
        if now + delay >= call.deadline or (hint is not None and hint > retry.max_hint):
            reason = "deadline"
        elif withheld(call, now):
            reason = "guard"
        elif not call.lane.budget.try_withdraw(now):
            reason = "budget"
    if reason is not None:
        call.refused = reason
        mark_spent(call, reason)
    if not service.listening:
        return delay if reason is None else None
    if reason is not None:
        service.emit(
            RetryRefused(
                service=service.name, number=call.number, outcome=outcome.name, reason=reason
            )
        )
        return None
    service.emit(
        RetryScheduled(service=service.name, number=call.number, outcome=outcome.name, delay=delay)
    )
    return delay


def _obstacle(call: Any, outcome: OutcomeClass, now: float) -> str | None:
    """Why the call must not be tried again, before time and budget are looked at."""
    if call.number >= call.max_attempts:
        return "attempts"
    if call.attempts[-1].spent:
        return "spent"
    if not may_try_again():
        return "allowance"
    if outcome.retryable is Retryable.IDEMPOTENT and not call.idempotent:
        return "not idempotent"
    if not call.replayable and not _untouched(call, outcome):
        return "body"
    pickable = call.lane.pickable
    if pickable.pick is None and not pickable.admits(now):
        # The outcome at hand says more than the rejection that would follow.
        return "no endpoint"
    return None


def _untouched(call: Any, outcome: OutcomeClass) -> bool:
    """Whether a body that can be sent once has not been sent yet."""
    if outcome is not NEVER_SENT and outcome is not POOL_TIMEOUT:
        return False
    # Some transports say "never connected" of a request that they had read.
    return not getattr(call.body, "_is_stream_consumed", False)


def hedge_delay(call: Any) -> float | None:
    """Seconds to wait before a hedge, or None when there must be none."""
    hedge = call.lane.hedge
    if hedge is None or not call.idempotent or not call.replayable:
        return None
    if call.options is not None and call.options.hedge is False:
        return None
    if not may_try_again():
        return None
    begun = sum(attempt.hedge for attempt in call.attempts)
    if call.number >= call.max_attempts or begun >= hedge.max_hedges:
        return None
    delay: float | None = hedge.delay(call.clock())
    return delay


def start_hedge(call: Any) -> Attempt | None:
    """A further attempt beside the one in flight, or None when there is no room for it."""
    now = call.clock()
    pickable = call.lane.pickable
    spare = len(pickable.candidates) > len({attempt.target for attempt in call.attempts})
    if not spare or withheld(call, now) or not call.lane.budget.try_withdraw(now):
        return None
    try:
        attempt: Attempt = call.start_attempt()
    except (CallRejectedError, DeadlineExceededError):
        return None  # the attempt in flight is still good for an answer
    attempt.hedge = True
    if call.service.listening:
        call.service.emit(HedgeStarted(service=call.service.name, number=call.number))
    return attempt
