"""All fault rules of a mesh, and the switches that change them while it runs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from threading import Lock
from weakref import WeakSet

from .._exceptions import ConfigurationError
from ._fault import Fault, Phase
from ._options import AbortFault, FaultRule
from ._plan import FaultPlan
from ._rule import Rule


class FaultInjector:
    """
    Holds fault rules and hands out plans that follow them.

    Every rule that matches draws for itself. The delays of those that hit add up, and
    the first abort in the order of *rules* wins. A rule without a seed draws from *rng*.

    Changes act from the next decision on, in every plan. A rule that stays the same, or
    is only enabled or disabled, keeps its place in its seeded sequence, its counters and
    the number of its faults in force. Several rules may have one name: what goes by name
    then goes for all of them.

    Thread-safe.
    """

    def __init__(
        self, rules: Sequence[FaultRule] = (), *, rng: random.Random | None = None
    ) -> None:
        self._rng = random.Random() if rng is None else rng
        self._lock = Lock()
        self._enabled = True
        self._rules: tuple[Rule, ...] = ()
        self._plans: WeakSet[FaultPlan] = WeakSet()
        self.set_rules(rules)

    @property
    def enabled(self) -> bool:
        """Whether anything is injected at all: False stops every rule at once."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        with self._lock:
            self._enabled = value
            self._publish(self._rules)

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The rules as they are now, in order."""
        return tuple(rule.options for rule in self._rules)

    @property
    def injected(self) -> dict[str, int]:
        """How many faults each rule has caused, by name."""
        counts: dict[str, int] = {}
        for rule in self._rules:
            name = rule.options.name
            counts[name] = counts.get(name, 0) + rule.injected
        return counts

    @property
    def active(self) -> dict[str, int]:
        """How many faults of each rule are in force, by name."""
        counts: dict[str, int] = {}
        for rule in self._rules:
            name = rule.options.name
            counts[name] = counts.get(name, 0) + rule.active
        return counts

    def for_service(self, service: str, source: str) -> FaultPlan | None:
        """
        Give the plan for calls from *source* to *service*; None when no rule concerns them.

        None is an answer for the rules of this moment: a rule added later may concern
        the service. `plan` gives one that then follows.
        """
        if not any(rule.matcher.concerns(service, source) for rule in self._rules):
            return None
        return self.plan(service, source)

    def plan(self, service: str, source: str) -> FaultPlan:
        """Give the plan for calls from *source* to *service*, also while no rule concerns them."""
        plan = FaultPlan(self, service, source)
        with self._lock:
            self._plans.add(plan)
            plan.follow(self._rules if self._enabled else ())
        return plan

    def set_rules(self, rules: Sequence[FaultRule]) -> None:
        """
        Put *rules* in place of the present ones, keeping the state of those that stay.

        A changed rule begins again, but for its counter, which goes on under its name.
        """
        with self._lock:
            self._replace(rules)

    def add(self, rule: FaultRule) -> None:
        """Add a rule after the present ones."""
        with self._lock:
            self._replace((*self.rules, rule))

    def remove(self, name: str) -> None:
        """Remove the rule called *name*; ConfigurationError when there is none."""
        with self._lock:
            self._require(name)
            self._replace([rule for rule in self.rules if rule.name != name])

    def enable(self, name: str) -> None:
        """Let the rule called *name* act; ConfigurationError when there is none."""
        self._switch(name, True)

    def disable(self, name: str) -> None:
        """Stop the rule called *name*; ConfigurationError when there is none."""
        self._switch(name, False)

    def draw(self, matching: Sequence[Rule], phase: Phase) -> Fault | None:
        """Let each of *matching* draw, and combine what they drew; for plans."""
        delays = 0.0
        abort: AbortFault | None = None
        acting: list[Rule] = []
        with self._lock:
            for rule in matching:
                delay, aborts = rule.draw()
                if abort is not None:
                    aborts = None
                # A rule that is full passes; it has drawn, so its sequence goes on.
                if (delay is None and aborts is None) or not rule.begin():
                    continue
                acting.append(rule)
                delays += delay or 0.0
                abort = abort or aborts
        return _fault(acting, delays, abort, phase) if acting else None

    def release(self, fault: Fault) -> None:
        """End *fault*; idempotent, and right also when its rules are gone."""
        with self._lock:
            while fault.active:
                fault.active.pop().end()

    def renew(self) -> None:
        """Start anew in a forked child: a lock of its own, and no fault in force."""
        self._lock = Lock()
        for rule in self._rules:
            rule.active = 0

    def _switch(self, name: str, enabled: bool) -> None:
        with self._lock:
            self._require(name)
            self._replace(
                [
                    rule.model_copy(update={"enabled": enabled}) if rule.name == name else rule
                    for rule in self.rules
                ]
            )

    def _require(self, name: str) -> None:
        names = sorted({rule.name for rule in self.rules})
        if name not in names:
            raise ConfigurationError(
                f"no fault rule is called {name!r}",
                path="faults",
                hint=f"there are: {', '.join(names)}" if names else "there are none",
            )

    def _replace(self, rules: Sequence[FaultRule]) -> None:
        # Caller must hold the lock.
        left = list(self._rules)
        kept = [_take(left, options) for options in rules]
        counts: dict[str, int] = {}
        for rule in left:
            name = rule.options.name
            counts[name] = counts.get(name, 0) + rule.injected
        after: list[Rule] = []
        for options, known in zip(rules, kept, strict=True):
            rule = known or Rule(options, self._rng, injected=counts.pop(options.name, 0))
            rule.options = options
            after.append(rule)
        self._publish(tuple(after))

    def _publish(self, rules: tuple[Rule, ...]) -> None:
        # Caller must hold the lock.
        self._rules = rules
        for plan in self._plans:
            plan.follow(rules if self._enabled else ())


def _take(rules: list[Rule], options: FaultRule) -> Rule | None:
    """Take the first rule out of *rules* that is *options*, enabled or not."""
    for index, rule in enumerate(rules):
        if rule.options.model_copy(update={"enabled": options.enabled}) == options:
            return rules.pop(index)
    return None


def _fault(acting: Sequence[Rule], delay: float, abort: AbortFault | None, phase: Phase) -> Fault:
    return Fault(
        rule="+".join(rule.options.name for rule in acting),
        delay=delay,
        status=None if abort is None else abort.status,
        error=None if abort is None else abort.error,
        retry_after=None if abort is None else abort.retry_after,
        body="" if abort is None else abort.body,
        phase=phase,
        active=list(acting),
    )
