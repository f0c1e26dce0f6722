"""
Which targets a pick may choose from, worked out when something changes.

A `Pickable` is immutable: a pick reads it once and filters nothing. Breakers are
absolute, so an open target is in no list; health and ejection only prefer, so a level in
panic offers every target whose breaker admits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..balancing import PanicOptions, Picker, prepare, priority_loads
from ._target import Target

Skip = tuple[Target, str]
"""A target that may not be picked, and the reason."""


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
    """Priorities in panic."""
    total: int
    open: tuple[Target, ...] = ()
    """Targets whose breaker is not closed."""
    excluded: tuple[Target, ...] = ()
    """Targets that the picker knows and must be told to pass over, as if they were tried."""


NOTHING = Pickable(pick=None, candidates=(), probes=(), skipped=(), panic=(), total=0)


class _Levels:
    """Chooses a priority level by its share, then lets the level's picker choose."""

    __slots__ = ("_pickers", "_rng")

    def __init__(
        self, pickers: Sequence[tuple[float, Picker[Target]]], rng: Callable[[], float]
    ) -> None:
        self._pickers = tuple(pickers)
        self._rng = rng

    def __call__(self, info: Any) -> Target:
        draw = self._rng() * 100.0
        for limit, picker in self._pickers:
            if draw < limit:
                return picker(info)
        return self._pickers[-1][1](info)


class _Level:
    """The targets of one priority: all, those whose breaker is not closed, other unfit ones."""

    __slots__ = ("all", "open", "priority", "unfit")

    def __init__(self, priority: int) -> None:
        self.priority = priority
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
    targets: Sequence[Target], balancer: Any, panic: PanicOptions, rng: random.Random, now: float
) -> Pickable:
    """Sort *targets* into candidates, probes and skipped ones, and prepare the picker."""
    probes: list[Target] = []
    skipped: list[Skip] = []
    levels: dict[int, _Level] = {}
    for target in targets:
        priority = target.endpoint.priority
        level = levels.get(priority)
        if level is None:
            level = levels[priority] = _Level(priority)
        level.all.append(target)
        if not target.breaker.closed:
            level.open.append(target)
            skipped.append((target, target.breaker.state.value))
            if target.breaker.is_available(now):
                probes.append(target)
        elif not target.healthy or target.outlier.ejected:
            level.unfit.append(target)
    ordered = [levels[priority] for priority in sorted(levels)]
    counts = [(len(level.all), len(level.fit()), 0, 0) for level in ordered]
    loads = priority_loads(
        counts,
        overprovisioning=round(panic.overprovisioning * 100),
        panic_threshold=round(panic.threshold * 100),
    )
    pickers: list[tuple[float, Picker[Target]]] = []
    candidates: list[Target] = []
    panicking: list[int] = []
    limit = 0.0
    # A hashing balancer keeps one table for all targets of a level: its build takes long,
    # and passing a target over sends its keys where a table without it would.
    whole = getattr(balancer, "whole_table", False)
    excluded: list[Target] = []
    spare: list[tuple[Target, ...]] = []
    for index, level in enumerate(ordered):
        if loads.panic[index]:
            panicking.append(level.priority)
            usable = level.closed()
        else:
            usable = level.fit()
            skipped.extend((target, _unfit_reason(target)) for target in level.unfit)
        share = float(loads.load[index] + loads.degraded[index])
        if usable and share:
            limit += share
            candidates.extend(usable)
            pickers.append((limit, prepare(balancer, tuple(level.all) if whole else usable)))
            if whole and len(usable) < len(level.all):
                chosen = set(usable)
                excluded.extend(target for target in level.all if target not in chosen)
        elif usable:
            spare.append(usable)
            skipped.extend((t, "lower priority") for t in usable)
    if not pickers:
        # The levels that were to take the traffic have no endpoint that a breaker admits.
        rest = spare[0] if spare else tuple(t for t in targets if t.breaker.closed)
        if rest:
            candidates.extend(rest)
            skipped = [skip for skip in skipped if skip[0] not in rest]
            pickers.append((100.0, prepare(balancer, rest)))
    if not pickers:
        pick: Picker[Target] | None = None
    elif len(pickers) == 1:
        pick = pickers[0][1]
    else:
        scale = 100.0 / pickers[-1][0]
        pick = _Levels([(edge * scale, picker) for edge, picker in pickers], rng.random)
    return Pickable(
        pick=pick,
        candidates=tuple(candidates),
        probes=tuple(probes),
        skipped=tuple(skipped),
        panic=tuple(panicking),
        total=len(targets),
        open=tuple(target for level in ordered for target in level.open),
        excluded=tuple(excluded),
    )


def _without(targets: list[Target], some: list[Target]) -> tuple[Target, ...]:
    # Of thousands mostly none is left out.
    left_out = set(some)
    return tuple(t for t in targets if t not in left_out) if some else tuple(targets)


def _unfit_reason(target: Target) -> str:
    return "ejected as an outlier" if target.outlier.ejected else "unhealthy"
