"""
One logical destination: its snapshot of targets, and the state of its policies.

This is the only place where breakers, balancer, budget, bulkhead and faults meet. A call
reads `pickable` once and takes no lock; whatever changes that snapshot rebuilds it under
`_lock` and swaps it whole.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from .._clock import Clock, wall
from .._models import Endpoint
from ..balancing import NOBODY, Baseline, Members
from ..breaker import Breaker, BreakerState
from ..bulkhead import Bulkhead
from ..events import Event
from ..faults import FaultPlan
from ..retry import RetryBudget, RetryGuard
from ._amending import amended
from ._guarding import heed
from ._new_target import new_target
from ._outliers import take_health
from ._pickable import NOTHING, Pickable, ZonesOf, build
from ._policies import Policies
from ._policies_taken import balancer_of, hedge_of, outliers_of, take_policies, throttle_of
from ._request_ids import RequestIds
from ._roster import Roster
from ._stalls import CALM
from ._target import Target
from ._telling import panics, tell_breaker, tell_endpoints
from ._totals import Totals
from ._upkeep import LOOK_STEP, kept_up, next_due
from ._usual import Usual
from ._view import HELD, View


def ignore(*about: object) -> None:
    """Do nothing: nobody listens, holds connections, or traces."""


class Service:
    """
    Where calls to one name go, and everything remembered between them.

    Thread-safe. Knows no I/O: endpoints are pushed into it, calls are begun by a mesh.
    """

    def __init__(
        self,
        name: str,
        policies: Policies,
        *,
        clock: Clock,
        rng: random.Random,
        emit: Callable[[Event], None] = ignore,
        wall: Clock = wall,
        timeouts: tuple[type, ...] = (),
        faults: FaultPlan | None = None,
        sources: str = "the configuration",
    ) -> None:
        self.name = name
        self.clock = clock
        self.rng = rng
        self.usual = Usual()
        self.request_ids = RequestIds()
        self.emit = emit
        self.wall = wall
        self.timeouts = timeouts
        """Errors that a passed deadline explains."""
        self.listening = False
        """Whether events of single calls are worth building."""
        self.tracing: Any = None
        self.find_tracing: Callable[[], Any] = ignore
        """Asked again once a second, for a tracer provider that is configured late."""
        self.faults = faults
        self.sources = sources
        self.targets: tuple[Target, ...] = ()
        self.roster = Roster()
        self._totals = Totals()
        self.pickable: Pickable = NOTHING
        self.wake_at = self._due = float("inf")
        self.discovered = False
        """Whether a source tells its endpoints, rather than the document."""
        self.ready = False
        """Whether a first snapshot has come; an empty one counts."""
        self.rejected = 0
        self.fallbacks = 0
        self.retired: Callable[[Target], None] = ignore
        self.find_members: Callable[[str], Members] = lambda _: NOBODY
        """Tells where the endpoints of another service are: the own replicas of this process."""
        self.stalls: Any = CALM
        self.settings: Any = None
        """The part of the document that describes it."""
        self.outside = ""
        """How it came to be: empty when configured, else `discovery` or what `outside` says."""
        self.router: Any = None
        """Finds the lanes of calls; None when every call is treated alike."""
        self.views: tuple[View, ...] = ()
        self._lock = threading.RLock()
        self.baseline = Baseline()
        self._waiters: set[Any] = set()
        self.budget = RetryBudget(policies.retry_options.budget)
        self.guard = RetryGuard()
        self.bulkhead = Bulkhead(policies.bulkhead, rng=rng)
        self.cache: Any = None
        self.throttle = throttle_of(policies, rng)
        self.credentials: Any = None
        """What keeps the token of its calls, if they show one."""
        self.health: Any = None
        """What checks the endpoints actively, if anything does."""
        self.policies = policies
        self.balancer = balancer_of(policies, rng)
        self.outliers = outliers_of(policies)
        self.hedge = hedge_of(policies)
        self.simplify()

    # Configuration

    def simplify(self) -> None:
        """Note whether calls need nothing beyond the ordinary, so that they need not look."""
        policies, self.attentive = self.policies, self.bulkhead.attentive
        self.plain = (
            self.ready
            and self.hedge is None
            and policies.fallback is None
            and policies.key_source is None
            and not (self.attentive or self.throttle)
            and not policies.load_reports
        )

    def apply(self, policies: Policies) -> None:
        """Take new policies; what did not change keeps its state."""
        with self._lock:
            old = self.policies
            take_policies(self, policies)
            self.simplify()
        if self.ready and (old.subsetting or policies.subsetting):
            self.update(self.roster.told)
        else:
            self.rebuild()

    # Endpoints

    def update(self, endpoints: Iterable[Endpoint]) -> tuple[Target, ...]:
        """
        Publish a whole new list of endpoints; return the targets that left.

        Targets are reconciled by address. One that leaves is drained: it is picked no
        more, and what is in flight on it ends.
        """
        with self._lock:
            now = self.clock()
            first = not self.ready
            came, gone = self.roster.replace(
                endpoints,
                lambda endpoint: new_target(self, endpoint, now, first),
                None if self.policies.subsetting is None else self.policies.subsetting.choose,
            )
            self.targets = self.roster.targets
            self._totals = self._totals.without(gone)
        if self.health is not None:
            self.health.update([target.endpoint for target in self.targets])
        if self.roster.is_new or first:
            self.rebuild(now)
        with self._lock:
            self.ready = True
            self.simplify()
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            waiter.set()
        for target in gone:
            self.retired(target)
        tell_endpoints(self, came, gone)
        return gone

    def counted(self) -> tuple[tuple[Target, ...], Totals]:
        """The targets, and the totals of those that left: together, so that none is missed."""
        with self._lock:
            return self.targets, self._totals

    def wait_ready(self, waiter: Any) -> bool:
        """Have *waiter* set at the first snapshot; False when it has come already."""
        with self._lock:
            if not self.ready:
                self._waiters.add(waiter)
            return not self.ready

    def stop_waiting(self, waiter: Any) -> None:
        """Forget a waiter of `wait_ready`, whose call goes on without."""
        with self._lock:
            self._waiters.discard(waiter)

    def breaker_changed(
        self, target: Target, old: BreakerState, new: BreakerState, cause: object
    ) -> None:
        """Offer what may be picked now that the breaker of *target* changed; tell of it."""
        self.rebuild(target=target)
        tell_breaker(self, target, old, new, cause)
        if new in HELD:
            for view in self.views:
                if view.on_open is not None and target in view.targets and view.is_open:
                    view.on_open()

    # The snapshot that picks read

    def rebuild(self, now: float | None = None, target: Target | None = None) -> None:
        """Work out what may be picked, all or after a change of *target*, and until when."""
        for event in self._rebuilt(now, target):
            self.emit(event)

    def _rebuilt(self, now: float | None, target: Target | None = None) -> list[Event]:
        # Events are sent by who called, once it holds no lock.
        with self._lock:
            at = self.clock() if now is None else now
            if target is not None and (amendment := amended(self, target, at)) is not None:
                self.pickable, due = amendment
                self._due, self.wake_at = min(self._due, due), min(self.wake_at, due)
                return []
            before = self.pickable.panic
            self.pickable = self._sorted(self.targets, self.balancer, at)
            for view in self.views:
                view.rebuild(self.targets, self._sorted, at)
            self._due = next_due(self, self.pickable, at)
            self.wake_at = at if self.tracing is None else self._due
            return panics(self.name, before, self.pickable.panic)

    def _sorted(
        self,
        targets: Sequence[Target],
        balancer: Any,
        now: float,
        breakers: Mapping[Target, Breaker] | None = None,
    ) -> Pickable:
        policies, zones = self.policies, self.policies.zones
        divide: ZonesOf | None = None
        if zones is not None:
            divide = partial(zones.prepare, self.find_members(zones.options.members))
        parts = targets, balancer, policies.panic, self.rng, now
        return build(*parts, breakers=breakers, levels=policies.levels, zones=divide)

    def set_views(self, views: Iterable[View]) -> None:
        """Keep *views* up to date from now on, and no others."""
        with self._lock:
            self.views = tuple(views)
        self.rebuild()

    def refresh(self, now: float) -> None:
        """Do what time alone asks for: sweep outliers, go on with slow starts, offer probes."""
        if not self._lock.acquire(blocking=False):
            return  # another call is at it
        try:
            if self.tracing is None:
                self.tracing = self.find_tracing()
            events: list[Event] = [*heed(self, now)]
            if now >= self._due:
                same = kept_up(self, now, events)
                if same is None:
                    events += self._rebuilt(now)
                else:
                    self.pickable, self._due = same, next_due(self, same, now)
            looks = self.tracing is None
            self.wake_at = min(self._due, now + LOOK_STEP) if looks else self._due
        finally:
            self._lock.release()
        for event in events:
            self.emit(event)

    def set_healthy(self, states: Mapping[str, bool]) -> None:
        """Say by address what active checks found; a passing one also ends an ejection."""
        with self._lock:
            changed, events = take_health(self, states)
            events += self._rebuilt(None) if changed else ()
        for event in events:
            self.emit(event)

    def renew(self) -> None:
        """A forked child starts with no call in flight."""
        self.request_ids = RequestIds()
        self.rng.seed()  # or children would draw what their siblings draw
        if hasattr(self.balancer, "renew"):
            self.balancer.renew()
        self._lock = threading.RLock()
        self._waiters = set()
        states: tuple[Any, ...] = (self.budget, self.bulkhead, self.guard, self.throttle)
        for state in (*states, *self.views):
            if state is not None:
                state.renew()
        for target in (*self.targets, *self._totals.draining):
            target.renew()
        subsetting = self.policies.subsetting
        if self.ready and subsetting is not None and subsetting.is_own:
            self.update(self.roster.told)
        else:
            self.rebuild()
