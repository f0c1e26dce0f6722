"""
Consistent hashing on a ring.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Generic

from xxhash import xxh64_intdigest

from ._base import C, Picker, PickInfo
from ._hashing import DIGEST_BITS, HashBalancer
from ._options import BalancerOptions
from ._ring import Ring, ring_positions, steady_size


class RingHash(HashBalancer[Ring]):
    """
    Picks the owner of the call's key on a ring, exactly as Envoy's ring hash.

    When an endpoint leaves, only its keys move, unless `minimum_ring_size` asks for Envoy's
    sizes. Instead of one that was tried, the next on the ring is picked. `ip_hash` is this
    balancer with the client's address for a key, which the caller knows.
    """

    __slots__ = ("_maximum", "_minimum")

    def __init__(self, options: BalancerOptions, rng: random.Random) -> None:
        super().__init__(options.name, options.hash_balance_factor, rng)
        self._minimum = options.minimum_ring_size
        self._maximum = options.maximum_ring_size

    def _build(self, keys: Sequence[str], weights: Sequence[float]) -> Ring:
        minimum = self._minimum or steady_size(weights)
        positions = ring_positions(keys, weights, minimum=minimum, maximum=self._maximum)
        return Ring(positions)

    def _picker(self, candidates: tuple[C, ...], table: Ring) -> Picker[C]:
        return _OnRing(candidates, table, self._rng).pick


class _OnRing(Generic[C]):
    __slots__ = ("_candidates", "_draw", "_owners", "_positions", "_ring", "_shift", "_starts")

    def __init__(self, candidates: tuple[C, ...], ring: Ring, rng: random.Random) -> None:
        self._candidates = candidates
        self._draw = rng.getrandbits
        self._ring = ring
        self._owners = ring.owners
        self._positions = ring.positions
        self._shift = ring.shift
        self._starts = ring.starts

    def pick(self, info: PickInfo) -> C:
        key = info.hash_key
        if key is None:
            digest = self._draw(DIGEST_BITS)
        else:
            digest = xxh64_intdigest(key.encode("utf-8", "surrogatepass"))
        # `Ring.owner`, without the calls.
        positions = self._positions
        place = self._starts[digest >> self._shift]
        while positions[place] < digest:
            place += 1
        chosen = self._candidates[self._owners[place]]
        if info.tried and chosen in info.tried:
            return self._after(place, info.tried)
        return chosen

    def _after(self, place: int, tried: Sequence[object]) -> C:
        """Walk on to a candidate that was not tried; when all were, stay."""
        candidates, owners, size = self._candidates, self._owners, self._ring.size
        # Without an untried one the walk would go all the way round.
        steps = size if any(candidate not in tried for candidate in candidates) else 0
        for step in range(place, place + steps):
            candidate = candidates[owners[step % size]]
            if candidate not in tried:
                return candidate
        return candidates[owners[place]]
