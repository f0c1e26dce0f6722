"""
The hands that comparing balancers pick from.

A hand is the loads that one pick compares. All hands are dealt when a balancer is
prepared, and picks take them in turn, so that a pick neither samples nor indexes: it
costs the same for thirty candidates and for three thousand.

Estimates of latency age while an endpoint is idle. A pick brings only the first of its
hand up to date; as every candidate comes first once a round, none is forgotten, and
comparing aged estimates costs no more than comparing fresh ones.
"""

from __future__ import annotations

import random
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, cycle
from operator import attrgetter

from ._base import Candidate
from ._load import Load

_LOAD = attrgetter("load")
_WEIGHT = attrgetter("load.weight")
"""Of thousands, these take a third of what Python code does."""
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
"""Whether this interpreter can run two threads at the same instant."""

SCANNED = 16
"""Up to so many candidates are all compared: cheaper than a sample, and better."""

Hand = tuple[Load, ...]


def deal(candidates: Sequence[Candidate], choice_count: int, rng: random.Random) -> Iterator[Hand]:
    """
    Deal the hands, one for each candidate, and begin anywhere among them.

    Every candidate comes first in one hand, so that picks which find no difference go
    round. Up to `SCANNED` candidates a hand holds them all; above, *choice_count*
    distinct ones: two runs of neighbours, a random distance apart. So each candidate is in
    as many hands as every other, and of the next hand most is in the processor's cache
    already. Queues behind such hands are as short as behind hands drawn anew each time
    (within 4 % at the 99th percentile, simulated with 20 to 300 endpoints); behind a
    single run of neighbours they are not.

    The iterator may be shared by threads: neither kind runs any Python code.
    """
    loads: list[Load] = list(map(_LOAD, candidates))
    for load, candidate in zip(loads, candidates, strict=True):
        load.owner = candidate
    count = len(loads)
    if count <= SCANNED:
        distances = list(range(count))
    else:
        far = choice_count // 2
        near = choice_count - far
        start = rng.randrange(near, count - far + 1)
        distances = [*range(near), *range(start, start + far)]
    begin = rng.randrange(count)
    loads = loads[begin:] + loads[:begin]
    hands = zip(*(loads[d:] + loads[:d] for d in distances), strict=True)
    return round_and_round(hands, FREE_THREADED)


def round_and_round(hands: Iterable[Hand], free_threaded: bool) -> Iterator[Hand]:
    """*hands* again and again, to whatever threads ask."""
    if not free_threaded:
        return cycle(hands)  # which makes those of ten thousand one by one, for the first picks
    hands = list(hands)
    # Before Python 3.14 two free threads may push a `cycle` beyond its end. A count that
    # two of them read at once only gives both the same hand.
    return map(hands.__getitem__, map(len(hands).__rmod__, count()))


def is_five(count: int, choice_count: int) -> bool:
    """Whether *count* candidates are dealt in hands of five: all, or the default sample."""
    return count == 5 or (count > SCANNED and choice_count == 5)


def same_weights(candidates: Sequence[Candidate]) -> bool:
    """Whether no candidate deserves more than another."""
    return len(set(map(_WEIGHT, candidates))) == 1
