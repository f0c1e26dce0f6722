"""
How much of its weight an endpoint gets while it warms up.
"""

from __future__ import annotations

import math

from ._options import SlowStartOptions

_YOUNGEST = 0.001
"""Seconds; Envoy counts a younger endpoint as 1 ms old."""


def slow_start_factor(age: float, options: SlowStartOptions) -> float:
    """
    Compute the share of its weight, above 0 up to 1, for an endpoint of *age* seconds.

    `max(min_weight, (age / window) ** (1 / aggression))`, as in Envoy. 1 when slow start is
    off or over.
    """
    window = options.window
    if age >= window:
        return 1.0
    grown = math.pow(max(_YOUNGEST, age) / window, 1.0 / options.aggression)
    return min(1.0, max(options.min_weight, grown))
