"""
Which targets a pick may choose from, worked out when something changes.

A `Pickable` is immutable: a pick reads it once and filters nothing. Breakers are
absolute, so an open target is in no list; health and ejection only prefer, so a level in
panic offers every target whose breaker admits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._models import Endpoint
from ..balancing import (
    LevelKey,
    PanicOptions,
    Picker,
    by_shares,
    default_keys,
    prepare,
    priority_loads,
)
from ..breaker import Breaker
from ._target import Target

MANY = 256
"""From so many targets on one that changes is amended in a snapshot, which is not built anew."""
_MOST_LAG = 64
"""One of so many targets at most is one that the picker should be told of, and is not."""

Skip = tuple[Target, str]
"""A target that may not be picked, and the reason."""

LevelsOf = Callable[[Sequence[Endpoint]], Sequence[LevelKey]]
"""Gives the key of its level to each endpoint; the least is preferred."""

ZonesOf = Callable[[Any, tuple[Target, ...], Sequence[Target], random.Random], Picker[Target]]
"""`ZoneAware.prepare`, once the own replicas are known."""


@dataclass(frozen=True, slots=True, eq=False)
class Pickable:
    """One state of a service, as a pick sees it."""

    pick: Picker[Target] | None
    """None when no target may be picked."""
    candidates: tuple[Target, ...]
    probes: tuple[Target, ...]
    """Targets that are half-open, or may become so, and have room for a probe."""
    skipped: tuple[Skip, ...]
    panic: tuple[int, ...]
    """The levels in panic, by their place: 0 is the preferred one."""
    total: int
    open: tuple[Target, ...] = ()
    """Targets whose breaker is not closed."""
    excluded: tuple[Target, ...] = ()
    """Targets that the picker knows and must be told to pass over, as if they were tried."""
    targets: tuple[Target, ...] = ()
    """All of them, fit or not."""
    breakers: Mapping[Target, Breaker] | None = None
    """A breaker for each of `targets`, in the place of its own; None: their own."""
    unfit: int = 0
    """How many are not fit though their breaker is closed."""
    amendable: bool = False
    """Whether `amended` may change it: one level of many targets, and a picker that varies."""
    lag: tuple[Target, ...] = ()
    """Targets that the picker knows and must not give, or does not know and might give."""

    plain: Picker[Target] | None = field(init=False)
    """`pick`, where a first attempt need not look at anything but the breaker of its target."""

    def __post_init__(self) -> None:
        """See what there is to look at."""
        closer = self.probes or self.excluded or self.breakers is not None
        object.__setattr__(self, "plain", None if closer else self.pick)

    def admits(self, now: float) -> bool:
        """Whether the breaker of any target would let an attempt pass."""
        return any(breaker_of(self, target).is_available(now) for target in self.targets)


def lags_little(lag: Sequence[Target], total: int) -> bool:
    """Whether *lag* is few enough among *total* for picks that draw again until they miss it."""
    return len(lag) * _MOST_LAG <= total


NOTHING = Pickable(pick=None, candidates=(), probes=(), skipped=(), panic=(), total=0)


def breaker_of(pickable: Pickable, target: Target) -> Breaker:
    """The breaker that *target* has in *pickable*."""
    breakers = pickable.breakers
    return target.breaker if breakers is None else breakers[target]


class _Level:
    """The targets of one level: all, those whose breaker is not closed, other unfit ones."""

    __slots__ = ("all", "open", "unfit")

    def __init__(self) -> None:
        self.all: list[Target] = []
        self.open: list[Target] = []
        self.unfit: list[Target] = []

    def closed(self) -> tuple[Target, ...]:
        """The targets whose breaker admits every attempt."""
        return _without(self.all, self.open)

    def fit(self) -> tuple[Target, ...]:
        """The targets that nothing speaks against."""
        return _without(self.all, [*self.open, *self.unfit])


def build(
    targets: Sequence[Target],
    balancer: Any,
    panic: PanicOptions,
    rng: random.Random,
    now: float,
    *,
    breakers: Mapping[Target, Breaker] | None = None,
    levels: LevelsOf = default_keys,
    zones: ZonesOf | None = None,
) -> Pickable:
    """
    Sort *targets* into candidates, probes and skipped ones, and prepare the picker.

    *breakers* has one for each target and is not changed afterwards; None: their own.
    *levels* gives each endpoint the key of its level; *zones* prepares the picker of the
    first level in the place of *balancer* alone.
    """
    probes: list[Target] = []
    skipped: list[Skip] = []
    ordered = _sort(targets, levels, breakers)
    for level in ordered:
        for target in level.open:
            breaker = target.breaker if breakers is None else breakers[target]
            skipped.append((target, breaker.state.value))
            if breaker.is_available(now):
                probes.append(target)
    counts = [(len(level.all), len(level.fit()), 0, 0) for level in ordered]
    loads = priority_loads(
        counts,
        overprovisioning=round(panic.overprovisioning * 100),
        panic_threshold=round(panic.threshold * 100),
    )
    parts: list[tuple[float, Picker[Target]]] = []
    candidates: list[Target] = []
    # A hashing balancer keeps one table for all targets of a level: its build takes long,
    # and passing a target over sends its keys where a table without it would.
    whole = getattr(balancer, "whole_table", False)
    excluded: list[Target] = []
    amendable = (
        len(targets) >= MANY
        and len(ordered) == 1
        and zones is None
        and breakers is None
        and getattr(balancer, "varies", False)
    )
    lag: list[Target] = []
    spare: list[tuple[Target, ...]] = []
    for index, level in enumerate(ordered):
        panics = loads.panic[index]
        usable = level.closed() if panics else level.fit()
        if not panics:
            skipped.extend((target, _unfit_reason(target)) for target in level.unfit)
        share = loads.load[index] + loads.degraded[index]
        if usable and share:
            candidates.extend(usable)
            if zones is not None and index == 0 and not panics:
                picker = zones(balancer, usable, level.all, rng)
            else:
                if amendable and lags_little(level.open, len(targets)):
                    lag = level.open  # known to the picker already when their breaker closes
                known = level.all if whole else (*usable, *lag)
                picker = prepare(balancer, tuple(known))
            parts.append((share, picker))
            if whole and len(usable) < len(level.all):
                chosen = set(usable)
                excluded.extend(target for target in level.all if target not in chosen)
        elif usable:
            spare.append(usable)
            skipped.extend((t, "lower priority") for t in usable)
    if not parts:
        # The levels that were to take the traffic have no endpoint that a breaker admits.
        rest = spare[0] if spare else tuple(t for level in ordered for t in level.closed())
        if rest:
            candidates.extend(rest)
            skipped = [skip for skip in skipped if skip[0] not in rest]
            parts.append((100, prepare(balancer, rest)))
    return Pickable(
        pick=by_shares(parts, rng) if parts else None,
        candidates=tuple(candidates),
        probes=tuple(probes),
        skipped=tuple(skipped),
        panic=tuple(index for index, panics in enumerate(loads.panic) if ordered and panics),
        total=len(targets),
        open=tuple(target for level in ordered for target in level.open),
        excluded=tuple(excluded),
        targets=tuple(targets),
        breakers=breakers,
        unfit=sum(len(level.unfit) for level in ordered),
        amendable=amendable and bool(parts),
        lag=tuple(lag),
    )


def _sort(
    targets: Sequence[Target], levels: LevelsOf, breakers: Mapping[Target, Breaker] | None
) -> list[_Level]:
    """The levels, the preferred first."""
    found: dict[LevelKey, _Level] = {}
    keys = levels([target.endpoint for target in targets])
    if breakers is None and keys and keys.count(keys[0]) == len(keys):
        return [_only_level(targets)]
    for target, key in zip(targets, keys, strict=True):
        level = found.get(key)
        if level is None:
            level = found[key] = _Level()
        level.all.append(target)
        breaker = target.breaker if breakers is None else breakers[target]
        if not breaker.closed:
            level.open.append(target)
        elif not target.healthy or target.outlier.ejected:
            level.unfit.append(target)
    return [found[key] for key in sorted(found)]


def _only_level(targets: Sequence[Target]) -> _Level:
    # The usual one of thousands of targets, sorted three times as fast as one by one.
    level = _Level()
    level.all = list(targets)
    level.open = [target for target in targets if not target.breaker.closed]
    level.unfit = [
        target
        for target in targets
        if (target.outlier.ejected or not target.healthy) and target.breaker.closed
    ]
    return level


def _without(targets: list[Target], some: list[Target]) -> tuple[Target, ...]:
    # Of thousands mostly none is left out.
    left_out = set(some)
    return tuple(t for t in targets if t not in left_out) if some else tuple(targets)


def _unfit_reason(target: Target) -> str:
    return "ejected as an outlier" if target.outlier.ejected else "unhealthy"
