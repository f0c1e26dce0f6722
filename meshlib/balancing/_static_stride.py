"""
Weighted turns with one counter and no lock: gRPC's static stride scheduler.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from math import ceil, floor
from typing import Generic

from ._base import C, PickInfo

MAX_WEIGHT = 65535
_OFFSET = MAX_WEIGHT // 2
_MAX_TURNS = 4
"""How many turns one pick may take on average before heavy weights are split."""


def scale_weights(weights: Sequence[float]) -> list[int] | None:
    """
    Scale *weights* so that the largest is 65535; None when plain turns are meant.

    As in gRPC (`weightedroundrobin/scheduler.go`), a weight of 0 is unknown and counts as
    the mean of the others; plain turns are meant when fewer than two are known, or when
    all are the same. Unlike there, a tiny weight never rounds to 0, which would exclude
    its endpoint for ever.
    """
    known = [weight for weight in weights if weight > 0]
    if len(known) < 2:
        return None
    mean = sum(known) / len(known)
    scaled = _scale([weight if weight > 0 else mean for weight in weights])
    return None if min(scaled) == max(scaled) else scaled


def _scale(weights: Sequence[float]) -> list[int]:
    factor = MAX_WEIGHT / max(weights)
    # Halves go up, as in Go; Python's round() takes them to the even neighbour.
    return [max(1, floor(factor * weight + 0.5)) for weight in weights]


def is_picked(weight: int, index: int, generation: int) -> bool:
    """
    Whether the turn of *index* in *generation* is a pick, or is skipped.

    Of 65535 generations *weight* are picks, evenly spread; the offset keeps neighbours
    from being skipped together.
    """
    return (weight * generation + index * _OFFSET) % MAX_WEIGHT >= MAX_WEIGHT - weight


def split_heavy(weights: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """
    Say which index takes each turn of a generation, and the weights of the turns.

    A pick takes `max / mean` turns on average: thousands, with one heavy candidate among
    as many light ones. Where it would be more than 4, those above twice the mean take
    several turns, of an equal part each, so that a pick costs a few turns whatever the
    weights.
    """
    count = len(weights)
    mean = sum(weights) / count
    if max(weights) <= _MAX_TURNS * mean:
        return range(count), weights
    turns: list[tuple[float, int, float]] = []
    for index, weight in enumerate(weights):
        parts = ceil(weight / (2 * mean))
        # Several turns are spread over the generation; a single one keeps its place.
        if parts == 1:
            turns.append(((index + 0.5) / count, index, weight))
        else:
            part = weight / parts
            turns.extend(((n + 0.5) / parts, index, part) for n in range(parts))
    turns.sort()
    return [index for _, index, _ in turns], _scale([weight for _, _, weight in turns])


class StaticStride(Generic[C]):
    """
    Picks in turn, and skips turns in proportion to the weights.

    `Turn n` is that of candidate `n mod count` in generation `n div count`. The sequence
    is fixed by the weights: there is no state but the cursor, which may be shared.
    """

    __slots__ = ("_candidates", "_count", "_cursor", "_weights")

    def __init__(
        self, candidates: Sequence[C], weights: Sequence[int], cursor: Iterator[int]
    ) -> None:
        turns, weights = split_heavy(weights)
        self._candidates = tuple(candidates[index] for index in turns)
        self._count = len(weights)
        self._cursor = cursor
        self._weights = array("H", weights)

    def pick(self, _: PickInfo) -> C:
        """Pick the next candidate whose turn is not skipped."""
        cursor, count, weights = self._cursor, self._count, self._weights
        while True:
            turn = next(cursor)
            index = turn % count
            weight = weights[index]
            # `is_picked`, without the call.
            if (weight * (turn // count) + index * _OFFSET) % MAX_WEIGHT >= MAX_WEIGHT - weight:
                return self._candidates[index]
