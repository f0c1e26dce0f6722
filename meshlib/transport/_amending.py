"""
A snapshot of many targets in which one has changed.

When one breaker of ten thousand opens or closes, sorting all targets and preparing the
picker anew would take 10 ms inside of a call, as often as one does. So the snapshot is
amended: its lists are right at once, and of a few targets, its `lag`, the picker is not
told. A pick that meets one of them draws again. When they become many, and whenever the
amended one would be no copy of what a whole build says, `None` asks for a whole build.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..balancing import priority_loads
from ._pickable import Pickable, lags_little
from ._target import Target

_UNKNOWN_FOR = 1.0
"""Seconds after which a target that is fit again gets a picker that knows it."""

Amended = tuple[Pickable, float]
"""A snapshot, and the instant at which it is to be looked at again."""


def amended(service: Any, target: Target, now: float) -> Amended | None:
    """The snapshot of *service* as the breaker of *target* has it now; under its lock."""
    old: Pickable = service.pickable
    if not old.amendable or service.views or target.removed:
        return None
    breaker = target.breaker
    parts: dict[str, Any] = {}
    due = float("inf")
    if (target in old.open) is breaker.closed:
        if not target.healthy or target.outlier.ejected:
            return None
        parts = _flipped(old, target, is_open=not breaker.closed)
        if not parts or _panics(service, old, parts) != bool(old.panic):
            return None
        if breaker.closed and target in parts["lag"]:
            due = now + _UNKNOWN_FOR
    skipped = tuple(skip for skip in old.skipped if skip[0] is not target)
    probes = tuple(each for each in old.probes if each is not target)
    if not breaker.closed:
        skipped = ((target, breaker.state.value), *skipped)
        if breaker.is_available(now):
            probes = (*probes, target)
        elif breaker.wake_at > now:
            due = breaker.wake_at
    return replace(old, skipped=skipped, probes=probes, **parts), due


def woken(service: Any, now: float) -> Pickable | None:
    """The snapshot of *service* with the targets that became probes since; under its lock."""
    old: Pickable = service.pickable
    if not old.amendable or service.views or any(each.breaker.closed for each in old.lag):
        return None  # the last: of targets that are fit again the picker knows nothing
    return replace(old, probes=tuple(each for each in old.open if each.breaker.is_available(now)))


def _flipped(old: Pickable, target: Target, *, is_open: bool) -> dict[str, Any]:
    """The lists of *old* with *target* moved; nothing when the picker lags too far behind."""
    lag = old.lag
    lag = tuple(each for each in lag if each is not target) if target in lag else (*lag, target)
    if not lags_little(lag, old.total):
        return {}
    fit, opened = old.candidates, old.open
    if is_open:
        place = fit.index(target)
        fit, opened = fit[:place] + fit[place + 1 :], (*opened, target)
    else:
        fit, opened = (*fit, target), tuple(each for each in opened if each is not target)
    return {"candidates": fit, "open": opened, "lag": lag} if fit else {}


def _panics(service: Any, old: Pickable, parts: dict[str, Any]) -> bool:
    panic = service.policies.panic
    fit = old.total - len(parts["open"]) - old.unfit
    loads = priority_loads(
        [(old.total, fit, 0, 0)],
        overprovisioning=round(panic.overprovisioning * 100),
        panic_threshold=round(panic.threshold * 100),
    )
    return loads.panic[0]
