"""
The share of a new endpoint, which grows with time.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..balancing import SlowStartOptions, slow_start_factor
from ._target import Target


def begin_ramp(target: Target, options: SlowStartOptions) -> None:
    """Give *target*, which is new, the share to begin with."""
    if options.window:
        target.load.ramp = slow_start_factor(0.0, options)
        target.load.weight = target.endpoint.weight * target.load.ramp


def go_on_ramping(targets: Iterable[Target], options: SlowStartOptions, now: float) -> bool:
    """Give each of *targets* that is still new the share of its age; whether any was."""
    ramps = False
    for target in targets:
        load = target.load
        if load.ramp < 1.0:
            ramps = True
            load.ramp = slow_start_factor(now - target.added, options)
            load.weight = target.endpoint.weight * load.ramp
    return ramps
