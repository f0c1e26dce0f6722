"""
Which endpoints of a large service this process uses.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Sequence

from xxhash import xxh64_intdigest

from .._models import Endpoint
from ._level_options import SubsettingOptions


def choose_subset(
    endpoints: Sequence[Endpoint],
    size: int,
    key: str,
    groups: Sequence[Hashable] | None = None,
) -> tuple[Endpoint, ...]:
    """
    Choose *size* of *endpoints* by *key*, in their order: gRPC's random subsetting (A68).

    Each is hashed together with the key, and the least hashes are chosen. So the same key
    always chooses the same, different keys choose independently of each other, and one
    endpoint that comes or goes changes at most one that is chosen. With *groups*, one for
    each endpoint, *size* of each group are chosen.
    """
    if len(endpoints) <= size:
        return tuple(endpoints)
    seed = xxh64_intdigest(key.encode("utf-8", "surrogatepass"))
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups if groups is not None else [None] * len(endpoints)):
        members.setdefault(group, []).append(index)
    chosen: list[int] = []
    for indices in members.values():
        if len(indices) <= size:
            chosen += indices
            continue
        ranked = [
            (xxh64_intdigest(endpoints[index].url.encode("utf-8", "surrogatepass"), seed), index)
            for index in indices
        ]
        chosen += [index for _, index in heapq.nsmallest(size, ranked)]
    return tuple(endpoints[index] for index in sorted(chosen))


class Subsetting:
    """
    Chooses the endpoints that one service of this process uses.

    *levels* sorts endpoints into levels, and *by* names metadata: of each level and each
    combination of them enough are kept, or a failover, or a canary, would find nobody.
    *identity* is the key when the options give none, asked whenever endpoints come.

    Why not Google's deterministic subsetting, which spreads clients over endpoints more
    evenly? It needs clients that are numbered without gaps, which takes somebody who
    numbers them, and moves most endpoints of a client when the service grows.
    """

    __slots__ = ("_identity", "_levels", "by", "options")

    def __init__(
        self,
        options: SubsettingOptions,
        *,
        levels: Callable[[Sequence[Endpoint]], Sequence[Hashable]],
        by: Sequence[str],
        identity: Callable[[], str],
    ) -> None:
        self.options = options
        self.by = tuple(by) if options.by is None else options.by
        self._levels = levels
        self._identity = identity

    @property
    def is_own(self) -> bool:
        """Whether each process chooses for itself, a forked child too."""
        return self.options.key is None

    def choose(self, endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
        """Choose those of *endpoints* to use."""
        key = self.options.key
        by = self.by
        groups = [
            (level, *[endpoint.metadata.get(name) for name in by])
            for endpoint, level in zip(endpoints, self._levels(endpoints), strict=True)
        ]
        return choose_subset(
            endpoints, self.options.size, self._identity() if key is None else key, groups
        )
