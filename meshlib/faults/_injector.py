"""All fault rules of a mesh, and the switches that change them while it runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from weakref import WeakSet

from .._clock import Clock, monotonic, wall
from .._exceptions import ConfigurationError
from .._problems import nearest
from ._combine import Records, choose, combine
from ._facts import Facts
from ._fault import Fault, Phase
from ._holding import Holding, Waits
from ._log import InjectionLog
from ._options import FaultRule
from ._plan import FaultPlan
from ._rule import Drawn, Rule
from ._rules import Rules

Extra = Callable[[FaultPlan, Phase, Mapping[str, str]], Sequence[Rule]]
"""The rules that a request brings, by its plan, phase and headers."""


class FaultInjector:
    """
    Holds fault rules and hands out plans that follow them.

    Every rule that matches draws for itself. The delays of those that hit add up, and
    the first abort in the order of *rules* wins. A rule without a seed takes one from *rng*.
    *clock* tells the times of rules and injections, *wall_clock* those of day, in UTC.

    Changes act from the next decision on, in every plan: no decision that ends after
    them follows what was before. A rule that stays the same, or is only enabled or
    disabled, keeps its place in its sequence, its counters and the number of its faults in
    force. Several rules may have one name: what goes by name then goes for all of them.

    Thread-safe.
    """

    def __init__(
        self,
        rules: Sequence[FaultRule] = (),
        *,
        rng: random.Random | None = None,
        clock: Clock = monotonic,
        wall_clock: Clock = wall,
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._enabled = True
        self._holding = Holding()
        self.log = InjectionLog()
        self._forbidden = ""
        self._extra: Extra | None = None
        self.gate: Callable[[], str] | None = None
        """Asked at every decision, without a lock, why there is to be no fault now."""
        self.heeds_requests = False
        """Whether rules with `header: true` may do what headers of a request ask for."""
        self._records = Records()
        self._rules = Rules(random.Random() if rng is None else rng, clock, wall_clock)
        self._plans: WeakSet[FaultPlan] = WeakSet()
        self.set_rules(rules)

    @property
    def enabled(self) -> bool:
        """Whether anything is injected at all: False stops every rule at once."""
        return self._enabled and not self._forbidden

    @enabled.setter
    def enabled(self, value: bool) -> None:
        with self._lock:
            self._enabled = value
            self._publish()

    @property
    def forbidden(self) -> str:
        """Why nothing may be injected here, whatever is enabled; empty when it may."""
        return self._forbidden

    def forbid(self, reason: str) -> None:
        """Inject nothing, for this *reason*, until it is permitted."""
        with self._lock:
            self._forbidden = reason or "it is forbidden"
            self._publish()

    def permit(self) -> None:
        """Take back what was forbidden; what is enabled acts again."""
        with self._lock:
            self._forbidden = ""
            self._publish()

    @property
    def extra(self) -> Extra | None:
        """
        What is asked, at every decision, for the rules that a request brings.

        They come after the others, are made by `compile`, and are to be kept: their state is
        in them. It is called without a lock.
        """
        return self._extra

    @extra.setter
    def extra(self, value: Extra | None) -> None:
        with self._lock:
            self._extra = value
            self._publish()

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The rules as they are now, in order."""
        return tuple(rule.options for rule in self._rules.now)

    @property
    def injected(self) -> dict[str, int]:
        """How many faults each rule has caused, by name."""
        counts: dict[str, int] = {}
        for rule in self._rules.now:
            name = rule.options.name
            counts[name] = counts.get(name, 0) + rule.injected
        return counts

    @property
    def active(self) -> dict[str, int]:
        """How many faults of each rule are in force, by name."""
        counts: dict[str, int] = {}
        for rule in self._rules.now:
            name = rule.options.name
            counts[name] = counts.get(name, 0) + rule.active
        return counts

    def for_service(self, service: str, source: str) -> FaultPlan | None:
        """
        Give the plan for calls from *source* to *service*; None when no rule concerns them.

        None is an answer for the rules of this moment: a rule added later may concern
        the service. `plan` gives one that then follows.
        """
        if not any(rule.matcher.concerns(service, source) for rule in self._rules.now):
            return None
        return self.plan(service, source)

    def plan(self, service: str, source: str) -> FaultPlan:
        """Give the plan for calls from *source* to *service*, also while no rule concerns them."""
        plan = FaultPlan(self, service, source)
        with self._lock:
            self._plans.add(plan)
            self._inform(plan)
        return plan

    def compile(self, rule: FaultRule) -> Rule:
        """A rule, beginning now, for what `extra` gives."""
        with self._lock:
            return self._rules.make(rule)

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

    def draw(self, matching: Sequence[Rule], facts: Facts, service: str) -> Fault | None:
        """Let each of *matching* draw, and combine what they drew; for plans."""
        if self.gate is not None and self.gate():
            return None
        now = self._clock()
        with self._lock:
            if not self.enabled:
                return None
            drawn: list[tuple[Rule, Drawn]] = []
            for rule in matching:
                mine = rule.draw(facts, now) if rule.live else None
                # A rule that is full passes; it has drawn, so its sequence goes on.
                if mine is not None and not rule.full:
                    drawn.append((rule, mine))
            if not drawn:
                return None
            acting, abort = choose(drawn)
            for rule, _ in acting:
                rule.begin()
            injections = self._records.record(acting, facts, service, now)
            return combine(acting, abort, facts, injections)

    def release(self, fault: Fault) -> None:
        """End *fault*; idempotent, and right also when its rules are gone."""
        with self._lock:
            while fault.active:
                fault.active.pop().end()

    def stands(self, fault: Fault) -> bool:
        """Whether *fault* still acts: not once it was stopped, or all its rules were."""
        return self._stands(fault) and not (self.gate is not None and self.gate())

    def hold(self, fault: Fault, waiter: Waits) -> bool:
        """Set *waiter* as soon as *fault* is called off; False when it was already."""
        with self._lock:
            stands = self._stands(fault)
            if stands:
                self._holding.add(fault, waiter)
            return stands

    def let_go(self, waiter: Waits) -> None:
        """Forget *waiter*, which waits no more."""
        with self._lock:
            self._holding.remove(waiter)

    def renew(self) -> None:
        """Start anew in a forked child: a lock of its own, and no fault in force."""
        self._lock = Lock()
        self._holding.clear()
        self.log.renew()
        for rule in self._rules.now:
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
            there = f"there are: {', '.join(names)}" if names else "there are none"
            raise ConfigurationError(
                f"no fault rule is called {name!r}",
                path="faults",
                hint=nearest(name, names) or there,
            )

    def _replace(self, rules: Sequence[FaultRule]) -> None:
        # Caller must hold the lock.
        self._rules.replace(rules)
        self._publish()

    def _publish(self) -> None:
        # Caller must hold the lock.
        for plan in self._plans:
            self._inform(plan)
        self._holding.wake(self._stands)

    def _stands(self, fault: Fault) -> bool:
        return self.enabled and any(rule.live for rule in fault.active)

    def _inform(self, plan: FaultPlan) -> None:
        on = self.enabled
        plan.follow(self._rules.now if on else (), listen=on and self._extra is not None)
