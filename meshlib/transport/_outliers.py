"""
The sweep for outliers: when it is due, and what it changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._events import EndpointEjected, EndpointReadmitted, Event


def sweep(service: Any, now: float) -> Sequence[Event]:
    """Judge the targets of *service* against each other when that is due; tell what changed."""
    outliers = service.outliers
    if outliers is None or now < outliers.next_sweep:
        return ()
    result = outliers.sweep([(target, target.outlier) for target in service.targets], now)
    events: list[Event] = [
        EndpointReadmitted(service=service.name, endpoint=target.endpoint)
        for target in result.readmitted
    ]
    for shadow, ejections in ((False, result.ejected), (True, result.would_eject)):
        events.extend(
            EndpointEjected(
                service=service.name,
                endpoint=target.endpoint,
                reason=reason,
                duration=duration,
                shadow=shadow,
            )
            for target, reason, duration in ejections
        )
    return events
