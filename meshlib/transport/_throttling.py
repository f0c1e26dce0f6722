"""
Calls that a service would most likely not accept: refused before anything is waited for.
"""

from __future__ import annotations

from typing import Any

from .._context import Priority, Serving, served_request
from .._exceptions import ThrottledError
from .._models import DEADLINE, Verdict

_BAD = frozenset({Verdict.FAILURE, Verdict.SHED})


def refuse_some(call: Any) -> None:
    """Count *call*, or raise ThrottledError."""
    throttle, now = call.service.throttle, call.now
    served = served_request.get() if Serving.begun else None
    priority = Priority.CRITICAL if served is None else served.priority
    call.counted = throttle.admit(now, priority)
    if not call.counted:
        share = throttle.share(now)
        raise ThrottledError(
            f"{call.service.name!r} accepts few calls: {share:.0%} are refused here without"
            " being sent",
            service=call.service.name,
            share=share,
        )


def note_settled(call: Any, attempt: Any, now: float) -> None:
    """The first attempt of *call* has ended: accepted, unless it failed or was refused."""
    throttle, outcome = call.service.throttle, attempt.outcome
    call.counted = False
    if throttle is not None:
        bad = outcome.verdict in _BAD or outcome is DEADLINE
        (throttle.fail if bad else throttle.accept)(now)


def note_unsent(call: Any) -> None:
    """*call*, no attempt of which has ended, says nothing about its service."""
    throttle = call.service.throttle
    call.counted = False
    if throttle is not None:
        throttle.take_back(call.clock())
