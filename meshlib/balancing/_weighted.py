"""
Turns in proportion to the weights.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from ._base import C, Picker, PickInfo, only
from ._round_robin import Turns, start_cursor
from ._static_stride import StaticStride, scale_weights


class Weighted:
    """
    Picks the candidates in turn, in proportion to `load.weight`.

    The order is that of gRPC's static stride scheduler: spread evenly, without a lock, and
    without state but a cursor, which outlives a change of the candidates. `tried` is
    ignored: the caller picks again.

    Thread-safe.
    """

    __slots__ = ("_cursor", "_rng", "name")

    varies = True

    def __init__(self, rng: random.Random) -> None:
        self.name = "weighted"
        self._rng = rng
        self._cursor = start_cursor(rng)

    def prepare(self, candidates: tuple[C, ...]) -> Picker[C]:
        """Scale the weights, and go on where the last picker was."""
        if len(candidates) == 1:
            return only(candidates[0])
        weights = scale_weights([candidate.load.weight for candidate in candidates])
        if weights is None:
            return Turns(candidates, self._cursor).pick
        return StaticStride(candidates, weights, self._cursor).pick

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Choose the next one."""
        return self.prepare(tuple(candidates))(info)

    def renew(self) -> None:
        """A forked child does not march in step with its siblings."""
        self._cursor = start_cursor(self._rng)
