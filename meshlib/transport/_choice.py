"""
Which target takes the next attempt of a call.
"""

from __future__ import annotations

from typing import Any

from ._attempt import Attempt
from ._pickable import Pickable, breaker_of
from ._rejections import nothing_to_pick
from ._target import Target

_MAX_PICKS = 3
"""How often a balancer that ignores tried targets is asked again before the rest is scanned."""

_MAX_DRAWS = 16
"""How often a picker that knows some open targets is asked again; neighbours come in a row."""


def choose(call: Any, pickable: Pickable, now: float) -> Attempt:
    """
    An attempt against a target of *pickable*, avoiding those that *call* has tried.

    Raises NoEndpointError when no endpoint is known and CircuitOpenError when every
    breaker is open.
    """
    if pickable.probes:
        attempt = _probe(call, pickable, now)
        if attempt is not None:
            return attempt
    pick = pickable.pick
    if pick is None:
        if pickable.admits(now):
            return _pick_again(call, now)
        raise nothing_to_pick(call, pickable, now)
    if pickable.excluded:
        call.tried = [*pickable.excluded, *call.tried]
    target = pick(call)
    if call.number > 1 and target in call.tried:
        target = _another(call, pickable, target)
    breakers = pickable.breakers
    breaker = target.breaker if breakers is None else breakers[target]
    if breaker.closed:
        return Attempt(call, target, breaker, breaker.epoch, pickable)
    return _draw_again(call, pickable) or _pick_again(call, now)


def _draw_again(call: Any, pickable: Pickable) -> Attempt | None:
    """Another target of a picker that knows some which are open."""
    pick = pickable.pick
    assert pick is not None
    for _ in range(_MAX_DRAWS if pickable.amendable else 0):
        target = pick(call)
        breaker = target.breaker
        if breaker.closed and target not in call.tried:
            return Attempt(call, target, breaker, breaker.epoch, pickable)
    return None


def _probe(call: Any, pickable: Pickable, now: float) -> Attempt | None:
    """A half-open target takes this attempt, or it would never be found healed."""
    for target in pickable.probes:
        if target not in call.tried:
            breaker = breaker_of(pickable, target)
            epoch = breaker.try_acquire(now)
            if epoch is not None:
                attempt = Attempt(call, target, breaker, epoch, pickable)
                attempt.probe = True
                return attempt
    return None


def _pick_again(call: Any, now: float) -> Attempt:
    """A breaker changed after the snapshot was read, or the clock jumped: take a new one."""
    call.service.rebuild(now)
    pickable = call.lane.pickable
    attempt = _probe(call, pickable, now)
    if attempt is not None:
        return attempt
    for candidate in pickable.candidates:
        breaker = breaker_of(pickable, candidate)
        if breaker.closed:
            return Attempt(call, candidate, breaker, breaker.epoch, pickable)
    raise nothing_to_pick(call, pickable, now)


def _another(call: Any, pickable: Pickable, target: Target) -> Target:
    """A target not tried yet, or *target* when all were tried."""
    pick, tried = pickable.pick, call.tried
    assert pick is not None
    for _ in range(_MAX_PICKS):
        choice = pick(call)
        if choice not in tried:
            return choice
    rest = [choice for choice in pickable.candidates if choice not in tried]
    if not rest:
        return target
    return min(rest, key=lambda choice: choice.load.in_flight)
