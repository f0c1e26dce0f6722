"""
Which of several sources a fallback uses; pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..._models import Endpoint


class Candidate(Protocol):
    """What is known of one source: instants are on one clock, and None what never was."""

    started_at: float | None
    endpoints: tuple[Endpoint, ...] | None
    failing_since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings of `FallbackDiscovery`, in seconds."""

    wait: float
    hold: float
    accept_empty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """
    What a fallback does now.

    *index* is the source to use; None for none yet or, when *fails*, for none at all. The
    first *asked* sources have to run. *due* is the seconds after which to choose again
    even if nothing happens.
    """

    index: int | None = None
    asked: int
    due: float | None = None
    fails: bool = False


def choose(candidates: Sequence[Candidate], now: float, rules: Rules) -> Choice:
    """The first source that has endpoints; each one before it fails, is empty or is silent."""
    due: float | None = None
    empty: int | None = None
    failing = silent = False
    for index, one in enumerate(candidates):
        if one.started_at is None:
            return Choice(asked=index + 1)
        if one.endpoints is None and one.failing_since is None:
            rest = one.started_at + rules.wait - now
            if rest > 0:
                return Choice(asked=index + 1, due=_sooner(due, rest))
            silent = True
            continue
        held = rules.hold if one.endpoints is not None else 0.0
        if one.failing_since is not None:
            rest = one.failing_since + held - now
            if rest <= 0:
                failing = True
                continue
            due = _sooner(due, rest)
        if one.endpoints or rules.accept_empty:
            return Choice(index=index, asked=index + 1, due=due)
        empty = index if empty is None else empty
    if silent:
        return Choice(asked=len(candidates), due=due)
    return Choice(index=None if failing else empty, asked=len(candidates), due=due, fails=failing)


def _sooner(one: float | None, other: float) -> float:
    return other if one is None else min(one, other)
