"""
What takes endpoints out and back: the sweep for outliers, and active health checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..events import EndpointEjected, EndpointReadmitted, Event


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


def take_health(service: Any, states: Mapping[str, bool]) -> tuple[bool, list[Event]]:
    """
    Mark the targets of *service* by address; tell whether that changed anything, and what.

    A check that passed also ends an ejection at once, as in Envoy.
    """
    now, changed = service.clock(), False
    events: list[Event] = []
    for address, healthy in states.items():
        target = service.roster.get(address)
        if target is None:
            continue
        if target.healthy is not healthy:
            changed, target.healthy = True, healthy
        if healthy and target.outlier.ejected and service.outliers is not None:
            changed = True
            service.outliers.readmit(target.outlier, now)
            events.append(EndpointReadmitted(service=service.name, endpoint=target.endpoint))
    return changed, events
