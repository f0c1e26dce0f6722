"""The rules of an injector, and what of them stays when they change."""

from __future__ import annotations

import random
from collections.abc import Sequence

from .._clock import Clock
from ._options import FaultRule
from ._rule import Rule


class Rules:
    """
    Rules in order, each with its live state.

    Not thread-safe: the injector holds its lock.
    """

    __slots__ = ("_clock", "_rng", "_wall", "now")

    def __init__(self, rng: random.Random, clock: Clock, wall: Clock) -> None:
        self._rng = rng
        self._clock = clock
        self._wall = wall
        self.now: tuple[Rule, ...] = ()

    def make(self, options: FaultRule, injected: int = 0) -> Rule:
        """A rule that begins now."""
        return Rule(options, self._rng, now=self._clock(), wall=self._wall, injected=injected)

    def replace(self, rules: Sequence[FaultRule]) -> None:
        """
        Put *rules* in place of the present ones; those that are equal keep their state.

        A rule that is enabled begins its times again, and nothing else.
        """
        left = list(self.now)
        kept = [_take(left, options) for options in rules]
        counts: dict[str, int] = {}
        for rule in left:
            name = rule.options.name
            counts[name] = counts.get(name, 0) + rule.injected
        after: list[Rule] = []
        for options, known in zip(rules, kept, strict=True):
            rule = known or self.make(options, counts.pop(options.name, 0))
            if options.enabled and not rule.options.enabled:
                rule.since = self._clock()
            rule.options = options
            after.append(rule)
        for rule in left:
            rule.live = False
        for rule in after:
            rule.live = rule.options.enabled
        self.now = tuple(after)


def _take(rules: list[Rule], options: FaultRule) -> Rule | None:
    """Take the first rule out of *rules* that is *options*, enabled or not."""
    for index, rule in enumerate(rules):
        if rule.options.model_copy(update={"enabled": options.enabled}) == options:
            return rules.pop(index)
    return None
