"""One rule with its live state: its chances, and how many of its faults are in force."""

from __future__ import annotations

import math
import random

from ._match import Matcher
from ._options import AbortFault, DelayFault, FaultRule


class Rule:
    """
    Draws the faults of one rule and counts them.

    Every decision draws twice, once for the delay and once for the abort, whether or not
    either is configured. So with a seed the same attempts are touched whatever else
    changes, and a higher percentage only adds to them. The lengths of random delays are
    drawn from a generator of their own for the same reason.

    Not thread-safe: the injector holds its lock.
    """

    __slots__ = ("_chance", "_lengths", "active", "injected", "matcher", "options")

    def __init__(self, options: FaultRule, rng: random.Random, *, injected: int = 0) -> None:
        self.options = options
        self.matcher = Matcher(options.match)
        self.active = 0
        self.injected = injected
        seed = options.seed
        self._chance = rng if seed is None else random.Random(seed)
        self._lengths = rng if seed is None else random.Random(f"{seed} lengths")

    def draw(self) -> tuple[float | None, AbortFault | None]:
        """Draw a delay in seconds and an abort, each independently of the other."""
        options = self.options
        delayed = self._chance.random() * 100.0
        aborted = self._chance.random() * 100.0
        delay = abort = None
        if options.delay is not None and delayed < options.delay.percentage:
            delay = self._length(options.delay)
        if options.abort is not None and aborted < options.abort.percentage:
            abort = options.abort
        return delay, abort

    def begin(self) -> bool:
        """Count a fault as in force; False when as many as allowed already are."""
        limit = self.options.max_active
        if limit is not None and self.active >= limit:
            return False
        self.active += 1
        self.injected += 1
        return True

    def end(self) -> None:
        """Count a fault as over."""
        # A child forked in the middle of a fault began again at 0.
        self.active = max(0, self.active - 1)

    def _length(self, options: DelayFault) -> float:
        if options.uniform is not None:
            return self._lengths.uniform(*options.uniform)
        if options.lognormal is not None:
            mean = math.log(options.lognormal.median)
            return self._lengths.lognormvariate(mean, options.lognormal.sigma)
        return options.fixed or 0.0
