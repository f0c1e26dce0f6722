"""
What a service has done, for the guard that watches whether retries do it harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..events import Event, RetryGuardChanged
from ..retry import Counts


def withheld(call: Any, now: float) -> bool:
    """Whether a retry or hedge of *call*, which could be made otherwise, must not be made."""
    service = call.service
    if not call.policies.retry_options.guard:
        return False
    for event in heed(service, now):
        service.emit(event)
    return bool(service.guard.withhold())


def heed(service: Any, now: float) -> Sequence[Event]:
    """Show the guard of *service* how it fares, if it is time to; tell what that changed."""
    guard = service.guard
    if guard.due(now) and guard.look(now, counts_of(service)):
        return (RetryGuardChanged(service=service.name, active=guard.active),)
    return ()


def counts_of(service: Any) -> Counts:
    """The counts of *service*, those of endpoints that left included."""
    targets, left = service.counted()
    attempts, retries = left.attempts, left.retries
    bad: int = left.failures + service.guard.lost
    for target in (*targets, *left.draining):
        # In this order, or an attempt that begins and fails meanwhile would only fail.
        bad += target.failures + target.load.in_flight
        retries += target.retries
        attempts += target.attempts
    return Counts(attempts - retries, attempts, attempts - bad)
