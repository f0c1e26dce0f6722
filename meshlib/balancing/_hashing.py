"""
What hashing balancers have in common: identities, digests, and tables that are kept.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from xxhash import xxh64_intdigest

from .._models import Endpoint
from ._base import C, Candidate, Picker, PickInfo, only
from ._bounded_load import BoundedLoad

DIGEST_BITS = 64

_KEPT = 4
"""A table for all candidates, and for three sets with some of them unavailable."""


def digest_of(key: str) -> int:
    """Compute the 64-bit hash of a request's key, as Envoy does."""
    return xxh64_intdigest(key.encode("utf-8", "surrogatepass"))


def hash_identity(endpoint: Endpoint) -> str:
    """
    Say what an endpoint is hashed by: its address without the scheme, `host:port/prefix`.

    Without a prefix this is what Envoy hashes, so that a key goes to the same endpoint
    through either.
    """
    return endpoint.address.partition("://")[2]


class Table(Protocol):
    """Who owns which keys."""

    def owner(self, digest: int) -> int:
        """Find the index that owns *digest*, below 2**64."""


T = TypeVar("T", bound=Table)


class HashBalancer(ABC, Generic[T]):
    """
    Picks the owner of the call's `hash_key`; a call without one goes to anybody.

    An endpoint is told apart by `hash_identity` and weighs what its configuration says:
    with slow start in the weights, keys would move at every step of it. The order of the
    candidates does not matter. A candidate that was tried is passed over; with
    `hash_balance_factor` also one with too much in flight.

    The last few tables are kept: an endpoint that is unavailable for a while costs one when
    it leaves, and none when it is back.

    Thread-safe: what is kept is swapped whole.
    """

    __slots__ = ("_factor", "_identities", "_kept", "_rng", "name")

    whole_table = True
    """Whether it may be prepared with unavailable candidates too, and told by `info.tried`."""

    def __init__(self, name: str, factor: int | None, rng: random.Random) -> None:
        self.name = name
        self._factor = factor
        self._rng = rng
        self._identities: dict[str, str] = {}
        self._kept: tuple[tuple[object, T], ...] = ()

    def prepare(self, candidates: tuple[C, ...]) -> Picker[C]:
        """Build the table, or take it from the last few."""
        if len(candidates) == 1:
            return only(candidates[0])
        identities = self._identify(candidates)
        ordered = tuple(sorted(candidates, key=lambda each: identities[each.endpoint.url]))
        keys = [identities[candidate.endpoint.url] for candidate in ordered]
        weights = [candidate.endpoint.weight for candidate in ordered]
        table = self._table(keys, weights)
        if self._factor is None:
            return self._picker(ordered, table)
        return BoundedLoad(ordered, weights, table.owner, self._factor, self._rng).pick

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Choose once."""
        return self.prepare(tuple(candidates))(info)

    def renew(self) -> None:
        """Tables are the same in every process."""

    @abstractmethod
    def _build(self, keys: Sequence[str], weights: Sequence[float]) -> T:
        """Build the table; *keys* are sorted."""

    @abstractmethod
    def _picker(self, candidates: tuple[C, ...], table: T) -> Picker[C]:
        """Make what picks by *table*, whose indices are those of *candidates*."""

    def _table(self, keys: list[str], weights: list[float]) -> T:
        made_of = (keys, weights)
        for kept_of, table in self._kept:
            if kept_of == made_of:
                return table
        table = self._build(keys, weights)
        self._kept = ((made_of, table), *self._kept[: _KEPT - 1])
        return table

    def _identify(self, candidates: Sequence[Candidate]) -> dict[str, str]:
        # Parsing is the dearest part when the table is kept: once for each URL.
        known = self._identities
        endpoints = {candidate.endpoint.url: candidate.endpoint for candidate in candidates}
        identities = {
            url: known.get(url) or hash_identity(endpoint) for url, endpoint in endpoints.items()
        }
        self._identities = identities
        if len(set(identities.values())) < len(identities):
            # One host and port by http and by https: only the scheme tells them apart.
            return {url: endpoint.address for url, endpoint in endpoints.items()}
        return identities
