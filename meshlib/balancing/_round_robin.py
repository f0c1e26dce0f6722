"""
Each candidate in its turn, or whichever the dice say.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Generic

from ._base import C, Picker, PickInfo, only
from ._static_stride import StaticStride, scale_weights

_START_BITS = 24
"""The turn that a cursor starts at is below 2**24: larger numbers are slower to divide."""


def start_cursor(rng: random.Random) -> Iterator[int]:
    """
    Start a cursor at a random turn, so that many processes do not march in step.

    Threads may share it without a lock: `itertools.count` runs no Python code.
    """
    return count(rng.getrandbits(_START_BITS))


class RoundRobin:
    """
    Picks the candidates in turn, whatever their weight.

    While some are in slow start, they are skipped in proportion to their `ramp` (static
    stride). The cursor outlives a change of the candidates: one that started anew at the
    first of them would starve the last when changes are frequent. `tried` is ignored: the
    caller picks again.

    Thread-safe.
    """

    __slots__ = ("_cursor", "_rng", "name")

    varies = True

    def __init__(self, rng: random.Random) -> None:
        self.name = "round_robin"
        self._rng = rng
        self._cursor = start_cursor(rng)

    def prepare(self, candidates: tuple[C, ...]) -> Picker[C]:
        """Make a picker that goes on where the last one was."""
        if len(candidates) == 1:
            return only(candidates[0])
        weights = scale_weights([candidate.load.ramp for candidate in candidates])
        if weights is None:
            return Turns(candidates, self._cursor).pick
        return StaticStride(candidates, weights, self._cursor).pick

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Choose the next one."""
        return self.prepare(tuple(candidates))(info)

    def renew(self) -> None:
        """A forked child does not march in step with its siblings."""
        self._cursor = start_cursor(self._rng)


class Turns(Generic[C]):
    """Picks by a cursor, one after the other."""

    __slots__ = ("_candidates", "_count", "_cursor")

    def __init__(self, candidates: tuple[C, ...], cursor: Iterator[int]) -> None:
        self._candidates = candidates
        self._count = len(candidates)
        self._cursor = cursor

    def pick(self, _: PickInfo) -> C:
        """Pick the candidate whose turn it is."""
        return self._candidates[next(self._cursor) % self._count]


class Random:
    """
    Picks any candidate with the same probability, whatever its weight.

    `tried` is ignored: the caller picks again. Thread-safe.
    """

    __slots__ = ("_rng", "name")

    varies = True

    def __init__(self, rng: random.Random) -> None:
        self.name = "random"
        self._rng = rng

    def prepare(self, candidates: tuple[C, ...]) -> Picker[C]:
        """Make a picker for *candidates*."""
        if len(candidates) == 1:
            return only(candidates[0])
        return _Draws(candidates, self._rng).pick

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Draw one."""
        return self.prepare(tuple(candidates))(info)

    def renew(self) -> None:
        """Nothing is kept between two picks."""


class _Draws(Generic[C]):
    __slots__ = ("_candidates", "_count", "_random")

    def __init__(self, candidates: tuple[C, ...], rng: random.Random) -> None:
        self._candidates = candidates
        self._count = len(candidates)
        self._random = rng.random

    def pick(self, _: PickInfo) -> C:
        # A third of the cost of `randrange` or `choice`.
        return self._candidates[int(self._random() * self._count)]
