"""
Which part of 0 to 1 belongs to which destination.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ._sticky import WHOLE


class Layout(NamedTuple):
    """The owner of each interval, and the *ends* between them, ascending."""

    ends: tuple[float, ...]
    owners: tuple[int, ...]


def lay_out(weights: Sequence[float]) -> Layout:
    """
    Divide 0 to 1 by *weights*, so that little changes hands when they change.

    The last destination has what the others leave. Of *n* others each has an n-th of the
    whole for its own and grows in it from the lower end, over what was the last one's; so
    one other has all below its share: a call is in when its position is less. One that
    needs more than its n-th takes the upper ends of the next ones'.

    Hence nobody but the last gains or loses by another's weight, and who is in stays in
    while the share grows: always with one or two others, with more as long as none has
    more than its n-th. (No layout could promise it for all weights of three.)

    *weights* are 0 or more, and not all 0. A share is exact to 2**-53; 0 is none at all.
    """
    count = len(weights) - 1
    shares = _shares(weights)
    starts = [WHOLE * number // count for number in range(count + 1)] if count else [0, WHOLE]
    pieces: list[tuple[int, int, int]] = []
    free = [[low, high] for low, high in pairwise(starts)]
    owed = []
    for owner in range(count):
        low, high = free[owner]
        end = min(low + shares[owner], high)
        pieces.append((low, end, owner))
        free[owner][0] = end
        owed.append(shares[owner] - (end - low))
    for owner in range(count):
        for step in range(1, count):
            space = free[(owner + step) % count]
            end = space[1]
            space[1] = max(space[0], end - owed[owner])
            owed[owner] -= end - space[1]
            pieces.append((space[1], end, owner))
    pieces.extend((low, high, count) for low, high in free)
    ends: list[float] = []
    owners: list[int] = []
    for low, high, owner in sorted(pieces):
        if low < high:
            if owners and owners[-1] == owner:
                ends.pop()
                owners.pop()
            ends.append(high / WHOLE)
            owners.append(owner)
    return Layout(tuple(ends[:-1]), tuple(owners))


def _shares(weights: Sequence[float]) -> list[int]:
    """The shares of all but the last in positions; together all of them if it has none."""
    total = sum(weights)
    shares = []
    left = WHOLE
    for weight in weights[:-1]:
        share = min(int(WHOLE * (weight / total)), left)
        left -= share
        shares.append(share)
    if not weights[-1]:
        heaviest = max(range(len(shares)), key=shares.__getitem__)
        shares[heaviest] += left
    return shares
