"""
What a breaker goes by, as numbers that are ready to compare.
"""

from __future__ import annotations

import math

from ._options import BreakerOptions


class Rules:
    """
    The options of any number of breakers: ten thousand that are alike share one of these.

    A limit that is not set is one that is never reached: no test for None later. Immutable.
    """

    __slots__ = (
        "base_break",
        "consecutive",
        "count",
        "duration",
        "enabled",
        "failure_ratio",
        "lease",
        "max_break",
        "minimum",
        "places",
        "required",
        "shadow",
        "slow_after",
        "slow_ratio",
    )

    def __init__(self, options: BreakerOptions) -> None:
        size, slow = options.sampling_count, options.slow_call_duration
        self.count = size
        self.duration = options.sampling_duration
        self.enabled = options.enabled
        self.shadow = options.shadow
        self.consecutive = options.consecutive_failures or math.inf
        self.failure_ratio = options.failure_ratio or math.inf
        # A window of fewer outcomes than the minimum would never be judged (Resilience4j).
        self.minimum = min(options.minimum_throughput, size or options.minimum_throughput)
        self.slow_after = math.inf if slow is None else slow
        self.slow_ratio = math.inf if slow is None else options.slow_call_ratio
        self.base_break = options.break_duration
        self.max_break = options.max_break_duration
        self.places = options.probes
        self.required = options.probe_successes
        self.lease = options.probe_lease


_last: list[tuple[BreakerOptions, Rules]] = []
"""The last one made, with what it was made of: whoever makes many breakers makes them in a row."""


def rules_of(options: BreakerOptions) -> Rules:
    """The rules that say what *options* say; those of the breaker before when it had the same."""
    for known, rules in _last:
        if known is options or known == options:
            return rules
    rules = Rules(options)
    _last[:] = [(options, rules)]  # at once: another thread sees the old one, or this
    return rules
