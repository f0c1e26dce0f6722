"""
How an attempt that has a response is settled when that is no plain success.
"""

from __future__ import annotations

from typing import Any

from .._models import SUCCESS, OutcomeClass
from ._again import judge
from ._attempt import Attempt
from ._stalled import settle_stalled
from ._upward import read_marks


def settle_closely(
    call: Any, attempt: Attempt, response: Any, now: float
) -> tuple[OutcomeClass, float | None]:
    """
    Settle *attempt*, which has a class by its status; return its class, and its server's hint.

    Looks at what the headers say of a failure, and at stalls of our own loop.
    """
    status, headers, outcome = response.status_code, response.headers, attempt.outcome
    assert outcome is not None
    hint: float | None = None
    if outcome is not SUCCESS:
        outcome, hint = judge(call, status, headers, outcome)
        attempt.outcome = outcome
    if status >= 400:
        read_marks(call, attempt, headers)
    stalls, seconds = call.service.stalls, hint or 0.0
    spoiled = now > stalls.alarm or attempt.started < stalls.ended
    if not (spoiled and settle_stalled(attempt, now, status, seconds)):
        elapsed = attempt.elapsed
        attempt.target.settle(outcome, now, elapsed, seconds)
        attempt.breaker.record(attempt.epoch, outcome.verdict, now, elapsed, status)
    return outcome, hint
