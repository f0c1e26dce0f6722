"""
The hash ring: every key belongs to the first position at or after its own.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import ceil

from xxhash import xxh64_intdigest

_BITS = 64
_LAST = 2**_BITS - 1


_EACH = 512
_ALL = 16_384


def steady_size(weights: Sequence[float]) -> float:
    """
    Compute a minimum that gives the lightest of *weights* 512 positions, up to 16384 in all.

    With Envoy's fixed minimum the others get more positions when one leaves, and about as
    many keys move to these as had to move. With so many for each, positions stay. The cap
    bounds the time to build a ring: beyond 32 endpoints a few more keys move, of many.
    """
    # Half a position less, as the lightest's whole number is rounded up.
    return min(_EACH * sum(weights) / min(weights) - 0.5, _ALL)


def ring_positions(
    keys: Sequence[str],
    weights: Sequence[float],
    *,
    minimum: float = 1024,
    maximum: int = 8_388_608,
) -> list[tuple[int, int]]:
    """
    Compute the ring of *keys*: `(position, index of its key)`, by position.

    Exactly Envoy's `ring_hash` (`ring_hash_lb.cc`): the lightest key gets a whole number of
    positions, so that the ring has at least *minimum* and at most *maximum* of them; the
    position of the n-th is `xxh64(f"{key}_{n}")`.
    """
    total = sum(weights)
    shares = [weight / total for weight in weights]
    least = min(shares)
    scale = min(ceil(least * minimum) / least, maximum)
    positions: list[tuple[int, int]] = []
    target = 0.0
    for index, (key, share) in enumerate(zip(keys, shares, strict=True)):
        target += scale * share
        first = len(positions)
        while len(positions) < target:
            number = len(positions) - first
            positions.append((xxh64_intdigest(f"{key}_{number}".encode()), index))
    positions.sort()
    return positions


class Ring:
    """
    A ring in compact arrays, with a look-up that costs the same whatever its size.

    *starts* divides the ring into equal stretches, at least twice as many as there are
    positions, and holds the first position of each: what is left of a search is less than
    one step on average. A last position, which no key is after, belongs to the first owner,
    so that a search needs no wrapping round.
    """

    __slots__ = ("owners", "positions", "shift", "size", "starts")

    def __init__(self, positions: Sequence[tuple[int, int]]) -> None:
        self.size = len(positions)
        """How many positions it has, without the last one that wraps round."""
        self.positions = array("Q", [position for position, _ in positions])
        self.positions.append(_LAST)
        self.owners = array("I", [owner for _, owner in positions])
        self.owners.append(self.owners[0])
        self.shift = _BITS - self.size.bit_length()
        self.starts = array("I")
        for place, position in enumerate(self.positions):
            missing = (position >> self.shift) + 1 - len(self.starts)
            if missing > 0:
                self.starts.extend([place] * missing)

    def find(self, digest: int) -> int:
        """Find the place of the first position at or after *digest*, below 2**64."""
        positions = self.positions
        place = self.starts[digest >> self.shift]
        while positions[place] < digest:
            place += 1
        return place

    def owner(self, digest: int) -> int:
        """Find the index that owns *digest*, below 2**64."""
        return self.owners[self.find(digest)]
