"""
Into which levels endpoints are sorted, the preferred first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter

from .._models import Endpoint
from ._level_options import PreferOptions
from ._locality import NOWHERE, Locality, locality_rank, zone_rank

LevelKey = tuple[float, ...]
"""Endpoints with equal keys are one level; the least key is the preferred level."""

KINDS = ("local", "edge", "cloud")
"""The usual kinds, the nearest first."""

_SAID = attrgetter("priority", "kind")
_FARTHEST = {kind: rank for rank, kind in enumerate(KINDS)}


def default_keys(endpoints: Sequence[Endpoint]) -> list[LevelKey]:
    """
    Sort by the endpoint's own priority, then by its kind: `local`, `edge`, `cloud`.

    A number that somebody wrote for this service says more than a word that is true
    everywhere, hence it comes first. Other kinds say nothing of a distance and rank with
    `local`, so that only who calls endpoints `edge` or `cloud` gets levels by them.
    """
    rank = _FARTHEST.get
    alike = {(priority, rank(kind, 0)) for priority, kind in _said(endpoints)}
    if len(alike) == 1:
        return [*alike] * len(endpoints)
    return [(each.priority, rank(each.kind, 0)) for each in endpoints]


def _said(endpoints: Sequence[Endpoint]) -> set[tuple[int, str]]:
    return set(map(_SAID, endpoints))


class Levels:
    """
    Sorts endpoints by criteria: the first decides, and the next among what it holds equal.

    Each gives an endpoint a number, the lowest preferred; distinct rows of numbers, in
    their order, are the levels. The endpoint's own priority comes last unless it is named.

    * `priority`: the endpoint's own.
    * `kind`: its place in *order*, what is not listed last. Without an order `local`,
      `edge`, `cloud`, other kinds with `local`.
    * `zone`: the own zone, then all others.
    * `locality`: own sub-zone, zone, region, then all others, as far as they are known.
    * `metadata`: its place in *order*, what is not listed last; without an order the value
      as a number, ascending, and what is no number last.

    While the own place is not known, `zone` and `locality` hold all endpoints equal. *warn*
    is told of that, and of metadata that should have been a number, once each.
    """

    __slots__ = ("_criteria", "_own", "_warn", "_warned")

    def __init__(
        self,
        criteria: Sequence[PreferOptions],
        own: Locality = NOWHERE,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        named = {each.by for each in criteria}
        last = () if "priority" in named else (PreferOptions(by="priority"),)
        self._criteria = (*criteria, *last)
        self._own = own
        self._warn = warn
        self._warned: set[str] = set()

    def __call__(self, endpoints: Sequence[Endpoint]) -> list[LevelKey]:
        """Work out the key of each of *endpoints*."""
        keys: list[LevelKey] = [()] * len(endpoints)
        for each in self._criteria:
            ranks = self._ranks(each, endpoints)
            if each.min_endpoints > 1:
                ranks = _with_enough(ranks, keys, each.min_endpoints)
            keys = [(*key, rank) for key, rank in zip(keys, ranks, strict=True)]
        return keys

    def _ranks(self, by: PreferOptions, endpoints: Sequence[Endpoint]) -> Sequence[float]:
        own = self._own
        match by.by:
            case "priority":
                return [each.priority for each in endpoints]
            case "zone" | "locality":
                if not own.zone:
                    self._warn_once(
                        f"endpoints are preferred by {by.by}, but it is not known where this "
                        "application runs; say it in MESHLIB_ZONE, or as `zone` in the document"
                    )
                    return [0] * len(endpoints)
                rank = zone_rank if by.by == "zone" else locality_rank
                return [rank(each, own) for each in endpoints]
            case "kind":
                if not by.order:
                    return [_FARTHEST.get(each.kind, 0) for each in endpoints]
                return _places([each.kind for each in endpoints], by.order)
            case _:
                key = by.metadata or ""
                said = [each.metadata.get(key) for each in endpoints]
                if by.order:
                    return _places(said, by.order)
                return [self._number(key, text) for text in said]

    def _number(self, key: str, text: str | None) -> float:
        try:
            number = float(text if text is not None else "")
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self._warn_once(
                f"endpoints are preferred by the number in their metadata {key!r}, which is "
                "missing or no number in some of them; these come last"
            )
            return math.inf
        return number

    def _warn_once(self, about: str) -> None:
        if self._warn is not None and about not in self._warned:
            self._warned.add(about)
            self._warn(about)


def _places(said: Sequence[str | None], order: Sequence[str]) -> list[int]:
    place = {word: number for number, word in enumerate(order)}
    return [place.get(word or "", len(order)) for word in said]


def _with_enough(ranks: Sequence[float], keys: Sequence[LevelKey], minimum: int) -> Sequence[float]:
    """*ranks*, of which the first ones are one until they have *minimum* endpoints."""
    groups: dict[LevelKey, list[float]] = {}
    for key, rank in zip(keys, ranks, strict=True):
        groups.setdefault(key, []).append(rank)
    least = {key: sorted(group)[min(minimum, len(group)) - 1] for key, group in groups.items()}
    return [max(rank, least[key]) for key, rank in zip(keys, ranks, strict=True)]
