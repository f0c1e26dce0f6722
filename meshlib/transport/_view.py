"""
Some of a service's endpoints, as the picks of some of its calls see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .._exceptions import NoEndpointError
from ..balancing import Picker
from ..breaker import Breaker, BreakerOptions, BreakerState
from ..routing import Affinity, AffinityOptions, SessionIndex, select_subset
from ._endpoint_breaker import EndpointBreaker
from ._pickable import NOTHING, Pickable, breaker_of
from ._target import Target

HELD = (BreakerState.OPEN, BreakerState.ISOLATED)
"""States in which a breaker admits nothing, not even a probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """What tells one view of a service from another: equal options are one view."""

    selector: Mapping[str, Sequence[str]]
    fallback: Literal["none", "any", "default"] = "none"
    default: Mapping[str, Sequence[str]]
    breaker: BreakerOptions | None = None
    """None: the endpoints' own breakers."""
    affinity: AffinityOptions | None = None

    @property
    def is_everything(self) -> bool:
        """Whether the service itself is this view."""
        return not self.selector and self.breaker is None and self.affinity is None


class View:
    """
    The endpoints of a subset, with a balancer of their own, and breakers if that is wished.

    Its service builds `pickable` anew whenever its own changes; a call reads it once, as
    it reads its service's. Not thread-safe but for reading.
    """

    __slots__ = (
        "_affinity",
        "_balances_by",
        "balancer",
        "breakers",
        "on_open",
        "options",
        "pickable",
        "service",
        "targets",
    )

    def __init__(
        self, service: Any, options: ViewOptions, balancer: Any, balancer_options: Any
    ) -> None:
        self.service = service
        self.options = options
        self.balancer = balancer
        self.on_open: Callable[[], None] | None = None
        """Called when the last breaker has opened; must not block."""
        self._balances_by = balancer_options
        self.targets: tuple[Target, ...] = ()
        self.pickable: Pickable = NOTHING
        self.breakers: dict[Target, Breaker] | None = None if options.breaker is None else {}
        self._affinity = None if options.affinity is None else Affinity(options.affinity)

    def rebuild(
        self,
        targets: Iterable[Target],
        make: Callable[..., Pickable],
        now: float,
    ) -> None:
        """Sort those of *targets* that are in the subset, by *make*."""
        options = self.options
        self.targets = select_subset(targets, options.selector, options.fallback, options.default)
        own, wanted = self.breakers, options.breaker
        if own is not None and wanted is not None:
            self.breakers = own = {
                target: own.get(target) or EndpointBreaker(self.service, target, wanted)
                for target in self.targets
            }
        pickable = make(self.targets, self.balancer, now, own)
        if self._affinity is not None and pickable.pick is not None:
            pick = Sessions(pickable.pick, pickable.candidates, self._affinity, self.service.name)
            pickable = replace(pickable, pick=pick)
        self.pickable = pickable

    def balances_by(self, options: Any) -> bool:
        """Whether its balancer was made of these *options*."""
        return bool(self._balances_by == options)

    @property
    def is_open(self) -> bool:
        """Whether there are endpoints and the breaker of each is open, not half-open."""
        pickable = self.pickable
        return bool(self.targets) and all(
            breaker_of(pickable, target).state in HELD for target in self.targets
        )

    def renew(self) -> None:
        """A forked child starts with no call in flight."""
        if hasattr(self.balancer, "renew"):
            self.balancer.renew()
        for breaker in (self.breakers or {}).values():
            breaker.renew()


class Sessions:
    """
    Picks the target that a call's session is on, and for other calls asks *pick*.

    A session whose target cannot be picked moves to the one that every process chooses
    for it; a strict one fails.
    """

    __slots__ = ("_index", "_name", "_pick", "_strict")

    def __init__(
        self,
        pick: Picker[Target],
        candidates: Sequence[Target],
        affinity: Affinity,
        name: str,
    ) -> None:
        self._pick = pick
        self._index = SessionIndex(candidates)
        self._strict = affinity.strict
        self._name = name

    def __call__(self, call: Any) -> Target:
        """The target of *call*."""
        session = call.routed.session
        if session is None:
            return self._pick(call)
        target = self._index.find(session)
        if target is None:
            if self._strict:
                raise NoEndpointError(
                    f"the endpoint of {self._name!r} that this session is on cannot be picked,"
                    " and its affinity is strict",
                    service=self._name,
                )
            moved = self._index.move(session)
            assert moved is not None  # a picker has candidates
            target, call.routed.session = moved
            call.routed.moved = True
        # A session is a preference of first attempts; a retry goes elsewhere.
        return self._pick(call) if target in call.tried else target
