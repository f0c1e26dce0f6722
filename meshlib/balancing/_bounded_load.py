"""
A bound on how much of the load one endpoint of a hashing balancer may take.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Generic

from xxhash import xxh64_intdigest

from ._base import C, PickInfo

_PART = 8
"""What is in flight is counted anew after a pick for every eighth candidate."""

_MASK = 2**64 - 1


class BoundedLoad(Generic[C]):
    """
    Gives a candidate no more than *factor* percent of its fair share.

    Consistent hashing with bounded loads (Mirrokni and others, 2016), with Envoy's
    arithmetic. When the owner of a key is full, the others are asked in an order that the
    key decides, so that it spills over to the same ones; when all are full, the least
    overloaded takes it. Those tried before come last.

    What is in flight altogether is counted anew every so many picks; those in between are
    taken to be in flight still. So a pick costs the same on average however many
    candidates there are, and the bound may be too wide by one attempt for every eight
    candidates, spread over all of them.

    Thread-safe: a race between two picks loses one from the count, until it is made anew.
    """

    __slots__ = (
        "_candidates",
        "_counted",
        "_draw",
        "_factor",
        "_owner",
        "_period",
        "_picks",
        "_shares",
    )

    def __init__(
        self,
        candidates: Sequence[C],
        weights: Sequence[float],
        owner: Callable[[int], int],
        factor: int,
        rng: random.Random,
    ) -> None:
        total = sum(weights)
        self._candidates = tuple(candidates)
        self._shares = tuple(weight / total for weight in weights)
        self._owner = owner
        self._factor = factor
        self._draw = rng.getrandbits
        self._period = self._picks = len(candidates) // _PART
        self._counted = 0

    def pick(self, info: PickInfo) -> C:
        """Pick the owner of the key, or who takes its place."""
        key = info.hash_key
        if key is None:
            digest = self._draw(64)
        else:
            digest = xxh64_intdigest(key.encode("utf-8", "surrogatepass"))
        index = self._owner(digest)
        chosen = self._candidates[index]
        self._picks += 1
        # A share is one attempt at least, so that most picks need not know the total.
        if (
            chosen.load.in_flight <= 1 or self._overload(index, self._slots()) <= 1.0
        ) and chosen not in info.tried:
            return chosen
        return self._instead_of(index, digest, info)

    def _slots(self) -> int:
        """How many attempts may be in flight altogether, this one included."""
        if self._picks > self._period:
            self._counted = sum([candidate.load.in_flight for candidate in self._candidates])
            self._picks = 1
        return ((self._counted + self._picks) * self._factor + 99) // 100

    def _overload(self, index: int, slots: int) -> float:
        share = max(1, ceil(slots * self._shares[index]))
        return self._candidates[index].load.in_flight / share

    def _instead_of(self, index: int, digest: int, info: PickInfo) -> C:
        slots = self._slots()
        best = self._candidates[index]
        least = (best in info.tried, self._overload(index, slots))
        for other in shuffled(len(self._candidates), digest):
            candidate = self._candidates[other]
            rank = (candidate in info.tried, self._overload(other, slots))
            if rank <= (False, 1.0):
                return candidate
            if rank < least:
                best, least = candidate, rank
        return best


def shuffled(count: int, digest: int) -> Iterator[int]:
    """
    Yield the numbers below *count* in an order that *digest* decides.

    A Fisher-Yates shuffle as in Envoy, going no further than it is asked to. The order is
    not Envoy's: seeding its Mersenne twister would take longer than all the rest of a pick,
    so Knuth's linear congruential generator (MMIX) takes its place.
    """
    moved: dict[int, int] = {}
    for place in range(count):
        digest = (digest * 6364136223846793005 + 1442695040888963407) & _MASK
        # The high bits are the good ones.
        other = place + (digest >> 33) % (count - place)
        yield moved.get(other, other)
        moved[other] = moved.get(place, place)
