"""
What a balancer is, for those who write one and for those who ask one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from .._models import Endpoint
from ._load import Load


class Candidate(Protocol):
    """An endpoint that may be picked, with its load."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it is."""

    @property
    def load(self) -> Load:
        """How loaded it is."""


C = TypeVar("C", bound=Candidate)


class PickInfo(Protocol):
    """What a pick may depend on beside the candidates."""

    @property
    def now(self) -> float:
        """The time on the mesh clock."""

    @property
    def hash_key(self) -> str | None:
        """What hashing balancers hash; None is as if it were drawn at random."""

    @property
    def tried(self) -> Sequence[object]:
        """Candidates that this call has tried already."""


Picker = Callable[[PickInfo], C]
"""Picks one of the candidates that it was prepared with. Thread-safe, never blocks."""


class Balancer(Protocol):
    """
    Chooses the candidate that takes an attempt: all that a balancer of your own needs.

    It is called on the path of every attempt, from many threads at once: it should
    neither block nor look at every candidate.
    """

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Choose one of *candidates*, which are never empty and do not change."""


class PreparedBalancer(Protocol):
    """
    A balancer that builds its tables ahead of the picks.

    `prepare` is called off the request path, whenever the candidates or their weights
    have changed. What has to survive a change, such as a cursor, lives in the balancer.

    One with `varies = True` gives another candidate when it is asked again, so that of many
    a few may be passed over without preparing it anew.
    """

    @property
    def name(self) -> str:
        """What the configuration calls it."""

    def prepare(self, candidates: tuple[C, ...]) -> Picker[C]:
        """Build what picks among *candidates*, which are never empty."""

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Choose once, without keeping the tables."""

    def renew(self) -> None:
        """A forked child does not march in step with its siblings."""


class LearningBalancer(Protocol):
    """
    What a balancer has beside, prepared or not, that learns from reports of load.

    Attempts then ask for reports. Both are called on the path of calls: they do not block.
    """

    def report(self, load: Load, rif: float, latency: float, now: float) -> None:
        """Take in that the endpoint of *load* serves *rif* requests, in *latency* seconds each."""

    def ended(self, load: Load, failed: bool, now: float) -> None:
        """Take in how an attempt at the endpoint of *load* ended."""


def learns(balancer: Any) -> bool:
    """Whether *balancer* is a `LearningBalancer`."""
    return hasattr(balancer, "report") and hasattr(balancer, "ended")


def prepare(balancer: Any, candidates: tuple[C, ...]) -> Picker[C]:
    """
    Make the picker of *balancer*, a `PreparedBalancer` or a `Balancer`, for *candidates*.

    One without a `prepare` of its own is asked with all candidates at each pick.
    """
    own: Callable[[tuple[C, ...]], Picker[C]] | None = getattr(balancer, "prepare", None)
    if own is not None:
        return own(candidates)
    return functools.partial(balancer.pick, candidates)


def only(candidate: C) -> Picker[C]:
    """Make the picker for a single candidate."""

    def pick(_: PickInfo) -> C:
        return candidate

    return pick
