"""
What a call would do, without doing it.
"""

from __future__ import annotations

from ..telemetry import CallReport
from ._attempt import Attempt
from ._call import Call
from ._pickable import breaker_of


def explain(call: Call) -> CallReport:
    """
    The report of *call* as if its first attempt were about to be sent.

    Takes no permit, draws no fault and sends nothing. A balancer with a cursor, such as
    round robin, moves on by one.
    """
    service = call.service
    if call.now >= service.wake_at:
        service.refresh(call.now)
    pickable = call.lane.pickable
    call.number = 1
    target = None
    if pickable.probes:
        target = pickable.probes[0]
    elif pickable.pick is not None:
        target = pickable.pick(call)
    if target is not None:
        breaker = breaker_of(pickable, target)
        attempt = Attempt(call, target, breaker, breaker.epoch, pickable)
        attempt.probe = bool(pickable.probes)
        attempt.call = None
        call.attempts = (attempt,)
    return CallReport(call)
