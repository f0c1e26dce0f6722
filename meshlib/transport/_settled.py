"""
Who learns of an attempt that has ended, beyond its endpoint: canaries, hedges, limits.
"""

from __future__ import annotations

from typing import Any

from .._models import BROKEN, DEADLINE, OVERLOADED, SUCCESS, UNAVAILABLE
from ._attempt import Attempt

_DROPPED = frozenset({DEADLINE, OVERLOADED, UNAVAILABLE})
"""The service found no time for it, or said so."""


def tell_settled(call: Any, attempt: Attempt, now: float) -> None:
    """The attempt, which was not cancelled, has its outcome."""
    lane, outcome = call.lane, attempt.outcome
    if call.routed is not None:
        call.routed.settled(attempt)
    if lane.hedge is not None and outcome is SUCCESS:
        lane.hedge.observe(attempt.elapsed, now)
    if lane.bulkhead.adaptive is None:
        return
    # A connection that broke says nothing about load; one that was waited for in vain does.
    late = outcome is BROKEN and isinstance(attempt.error, call.service.timeouts)
    if late or outcome in _DROPPED:
        lane.bulkhead.observe(now, attempt.elapsed, dropped=True)
    elif outcome is SUCCESS:
        lane.bulkhead.observe(now, attempt.elapsed)
