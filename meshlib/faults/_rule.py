"""One rule with its live state: its chances, and how many of its faults are in force."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import NamedTuple

from .._clock import Clock
from ._abort import Abort, abort_of, abort_of_step
from ._asked import asked_bandwidth, asked_delay, asked_status
from ._draws import Draws, key_bytes
from ._facts import Facts
from ._key import key_of
from ._lengths import length_of
from ._match import Matcher
from ._options import FaultRule
from ._quota import Quota
from ._response import ResponseDraw, ResponseEffects
from ._timing import Timing


class Drawn(NamedTuple):
    """What a rule does to one call: seconds, an abort, and effects on its response."""

    delay: float | None
    abort: Abort | None
    response: ResponseEffects | None


class Rule:
    """
    Draws the faults of one rule and counts them.

    The draws follow from the seed, the name, and the number of the call among those that
    match, or its key. Each part has its own, whether or not the others are configured. So the same
    calls are touched whatever else changes, and a higher percentage only adds to them.

    Not thread-safe: the injector holds its lock.
    """

    __slots__ = (
        "_abort",
        "_calls",
        "_length",
        "_quota",
        "_response",
        "_seed",
        "_timing",
        "active",
        "injected",
        "live",
        "matcher",
        "options",
        "since",
    )

    def __init__(
        self,
        options: FaultRule,
        rng: random.Random,
        *,
        now: float,
        wall: Clock,
        injected: int = 0,
    ) -> None:
        self.options = options
        self.matcher = Matcher(options.match)
        self.active = 0
        self.injected = injected
        self.live = options.enabled
        self.since = now
        self._calls = 0
        seed = rng.getrandbits(64) if options.seed is None else options.seed
        # Rules that share a seed are still independent, as rules are.
        self._seed = key_bytes(seed, options.name)
        self._timing = Timing(options, wall)
        self._length = None if options.delay is None else length_of(options.delay)
        self._abort = None if options.abort is None else abort_of(options.abort)
        self._response = None if options.response is None else ResponseDraw(options.response)
        self._quota = None if options.quota is None else Quota(options.quota)

    @property
    def full(self) -> bool:
        """Whether as many faults as allowed are in force, or were."""
        options = self.options
        return (options.max_active is not None and self.active >= options.max_active) or (
            options.max_total is not None and self.injected >= options.max_total
        )

    def draw(self, facts: Facts, now: float) -> Drawn | None:
        """What the rule would do to a call that matches; None for nothing."""
        options = self.options
        share = self._timing.share(now - self.since)
        if share is None:
            return None
        number = self._calls
        self._calls = number + 1
        step: int | str = "fail" if options.sequence is None else options.sequence.step(number)
        if step == "ok":
            return None
        key = str(number) if options.keyed is None else key_of(options.keyed, facts)
        draws = Draws(self._seed, key)
        if draws.rule * 100.0 >= options.percentage * share:
            return None
        delay = self._delayed(facts, draws)
        abort = self._aborted(facts, draws, now) if step == "fail" else abort_of_step(step)
        response = self._altered(facts, draws)
        if delay is None and abort is None and response is None:
            return None
        return Drawn(delay, abort, response)

    def begin(self) -> None:
        """Count a fault as in force."""
        self.active += 1
        self.injected += 1

    def end(self) -> None:
        """Count a fault as over."""
        # A child forked in the middle of a fault began again at 0.
        self.active = max(0, self.active - 1)

    def _delayed(self, facts: Facts, draws: Draws) -> float | None:
        options = self.options.delay
        if options is None or self._length is None:
            return None
        draw = draws.delay * 100.0
        if not options.header:
            return self._length(draws.length, facts) if draw < options.percentage else None
        asked = asked_delay(facts.headers, options.percentage) if facts.heeded else None
        return None if asked is None or draw >= asked.percentage else asked.amount

    def _aborted(self, facts: Facts, draws: Draws, now: float) -> Abort | None:
        refused = None if self._quota is None else self._quota.count(facts, now)
        options = self.options.abort
        if refused is not None or options is None or self._abort is None:
            return refused
        draw = draws.abort * 100.0
        if not options.header:
            return self._abort if draw < options.percentage else None
        asked = asked_status(facts.headers, options.percentage) if facts.heeded else None
        if asked is None or draw >= asked.percentage:
            return None
        return replace(self._abort, status=int(asked.amount))

    def _altered(self, facts: Facts, draws: Draws) -> ResponseEffects | None:
        options = self.options.response
        if options is None or self._response is None:
            return None
        draw = draws.response * 100.0
        bandwidth: float | None = None
        if options.header and facts.heeded:
            asked = asked_bandwidth(facts.headers, options.percentage)
            if asked is not None and draw < asked.percentage:
                bandwidth = asked.amount
        return self._response.draw(bandwidth, draws) if draw < options.percentage else None
