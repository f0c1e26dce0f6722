"""
Several pickers, each for its share of the picks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic

from ._base import C, Picker, PickInfo


def by_shares(parts: Sequence[tuple[float, Picker[C]]], rng: random.Random) -> Picker[C]:
    """
    Make the picker that asks each of *parts*, which are never empty, in proportion.

    The shares are above 0 and need not make 1.
    """
    if len(parts) == 1:
        return parts[0][1]
    return _Shares(parts, rng).pick


class _Shares(Generic[C]):
    __slots__ = ("_last", "_limits", "_random")

    def __init__(self, parts: Sequence[tuple[float, Picker[C]]], rng: random.Random) -> None:
        sums = list(accumulate(share for share, _ in parts))
        self._limits = tuple(
            (limit / sums[-1], picker)
            for limit, (_, picker) in zip(sums[:-1], parts[:-1], strict=True)
        )
        self._last = parts[-1][1]
        self._random = rng.random

    def pick(self, info: PickInfo) -> C:
        """Draw the part, then let it pick."""
        draw = self._random()
        for limit, picker in self._limits:
            if draw < limit:
                return picker(info)
        return self._last(info)
