"""
The Maglev table: each key fills the slots it prefers, in turns.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from heapq import heapify, heapreplace
from itertools import cycle
from math import ceil

from xxhash import xxh64_intdigest

_FEW = 128
"""With so few slots free it is cheaper to compare them all than to probe for one."""

_SMALL = 2**16
"""So many indices fit into two bytes each, and the table into a second-level cache."""


def maglev_table(keys: Sequence[str], weights: Sequence[float], size: int = 65537) -> array[int]:
    """
    Compute which index of *keys* owns each of *size* slots.

    Exactly Envoy's table (`maglev_lb.cc`), after the paper by Eisenbud and others (2016):
    the keys, in their sorted order, take the next free slot of their own permutation
    `offset + n * skip` in turn; a light key sits turns out. *size* must be prime. Takes 30
    to 100 ms for 65537 slots: for whoever prepares, not for a pick.
    """
    order = sorted(range(len(keys)), key=keys.__getitem__)
    encoded = [keys[index].encode() for index in order]
    slots = [xxh64_intdigest(key, 0) % size for key in encoded]
    skips = [xxh64_intdigest(key, 1) % (size - 1) + 1 for key in encoded]
    total = sum(weights)
    turns = _turns([weights[index] / total for index in order])
    table = array("H" if len(keys) <= _SMALL else "I", [0]) * size
    taken = bytearray(size)
    for _ in range(size - min(size, _FEW)):
        turn = next(turns)
        slot = slots[turn]
        if taken[slot]:
            skip = skips[turn]
            # Below zero, an index counts from the end: one comparison wraps it round.
            slot -= size
            while taken[slot]:
                slot += skip
                if slot >= 0:
                    slot -= size
            slot += size
        taken[slot] = 1
        table[slot] = order[turn]
        slots[turn] = slot
    free = [slot for slot in range(size) if not taken[slot]]
    while free:
        turn = next(turns)
        slot = _nearest(free, slots[turn], skips[turn], size)
        free.remove(slot)
        table[slot] = order[turn]
        slots[turn] = slot
    return table


def _nearest(free: Sequence[int], slot: int, skip: int, size: int) -> int:
    """Find the free slot that the permutation reaches first, from *slot* on."""
    inverse = pow(skip, -1, size)
    steps = min([(candidate - slot) * inverse % size for candidate in free])
    return (slot + steps * skip) % size


def _turns(shares: Sequence[float]) -> Iterator[int]:
    if min(shares) == max(shares):
        return cycle(range(len(shares)))
    return _weighted_turns(shares)


def _weighted_turns(shares: Sequence[float]) -> Iterator[int]:
    """
    Say whose turn it is, for ever, so that the heaviest has one in every round.

    In Envoy each round asks all; a heap of who comes next gives the same order in a time
    that does not depend on how light the lightest is.
    """
    most = max(shares)
    targets = [most] * len(shares)
    rounds = [(1, index) for index in range(len(shares))]
    heapify(rounds)
    # The first round is everybody's: its targets are 0.
    while True:
        now, index = rounds[0]
        yield index
        target = targets[index]
        share = shares[index]
        later = max(now + 1, ceil(target / share))
        # The quotient may be rounded to either side of what Envoy's product says.
        while later > now + 1 and (later - 1) * share >= target:
            later -= 1
        while later * share < target:
            later += 1
        targets[index] = target + most
        heapreplace(rounds, (later, index))
