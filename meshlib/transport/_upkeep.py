"""
When a service asks for attention though nothing happens to it.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from ..events import Event
from ._amending import woken
from ._outliers import sweep
from ._pickable import Pickable, breaker_of
from ._slow_start import go_on_ramping

_RAMP = attrgetter("load.ramp")
LOOK_STEP = 1.0
"""Seconds between two looks for a tracer provider, which cost a microsecond each."""
_RAMP_STEP = 1.0
"""Seconds between two steps of slow start; Envoy re-evaluates at each pick."""
_ZONES_STEP = 5.0
"""Seconds between two looks at where the own replicas are."""


def kept_up(service: Any, now: float, events: list[Event]) -> Pickable | None:
    """
    Do for *service* what is due; add what changed to *events*.

    The snapshot, if it need not be built anew: ten thousand targets among which a sweep has
    found nothing are as they were.
    """
    found = sweep(service, now)
    events += found
    ramps = go_on_ramping(service.targets, service.policies.slow_start, now)
    return None if found or ramps else woken(service, now)


def next_due(service: Any, pickable: Pickable, now: float) -> float:
    """The instant after *now* at which time alone changes what *service* may pick."""
    # A break that is over makes its target a probe; only what is to come wakes.
    wakes = (
        breaker_of(each, target).wake_at
        for each in (pickable, *(view.pickable for view in service.views))
        for target in each.open
    )
    due: float = min((instant for instant in wakes if instant > now), default=float("inf"))
    if service.outliers is not None and service.targets:
        due = min(due, service.outliers.next_sweep)
    if min(map(_RAMP, service.targets), default=1.0) < 1.0:
        due = min(due, now + _RAMP_STEP)
    if service.policies.zones is not None:
        due = min(due, now + _ZONES_STEP)
    return due
