"""
Lowest latency, counting the attempts in flight as a queue.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from ._base import C, Picker, PickInfo, only
from ._hands import Hand, deal, is_five, same_weights
from ._load import Load


class LeastResponseTime:
    """
    Picks the candidate with the least `latency x (in_flight + 1)`, divided by its weight.

    The queue is what keeps callers from herding: the lowest latency alone would send
    everything to one endpoint until it is the slowest. An endpoint of which nothing is
    known gets one attempt at once, and the next when that was answered (Finagle).

    Up to 16 candidates are all compared, above that a sample of *choice_count* distinct
    ones. `tried` is ignored: the caller picks again.

    Thread-safe.
    """

    __slots__ = ("_choice_count", "_rng", "name")

    varies = True

    def __init__(self, choice_count: int, rng: random.Random) -> None:
        self.name = "least_response_time"
        self._choice_count = choice_count
        self._rng = rng

    def prepare(self, candidates: tuple[C, ...]) -> Picker[C]:
        """Deal the hands that picks compare."""
        if len(candidates) == 1:
            return only(candidates[0])
        hands = deal(candidates, self._choice_count, self._rng)
        five = is_five(len(candidates), self._choice_count)
        if same_weights(candidates):
            soonest = _Soonest(hands)
            return soonest.pick_of_five if five else soonest.pick
        weighted = _SoonestByWeight(hands)
        return weighted.pick_of_five if five else weighted.pick

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Choose once, without keeping the hands."""
        return self.prepare(tuple(candidates))(info)

    def renew(self) -> None:
        """Nothing is kept between two calls of `prepare`."""


def _with_unmeasured(hand: Hand) -> Load:
    """
    Choose from a *hand* in which an unmeasured endpoint waits for its first answer.

    Unmeasured ones that are idle come first, then measured ones; when all are unmeasured
    and busy, the one with the fewest in flight.
    """
    ready = [load for load in hand if load.estimate or not load.in_flight]
    if not ready:
        return min(hand, key=_in_flight)
    return min(ready, key=_queue)


def _in_flight(load: Load) -> float:
    return load.in_flight / load.weight


def _queue(load: Load) -> float:
    return load.estimate * (load.in_flight + 1) / load.weight


class _Soonest:
    """Picks from hands of equal weights."""

    __slots__ = ("_hands",)

    def __init__(self, hands: Iterator[Hand]) -> None:
        self._hands = hands

    def pick(self, info: PickInfo) -> Any:
        hand = next(self._hands)
        chosen = hand[0]
        if info.now - chosen.stamp > chosen.decay_time:
            chosen.estimate = chosen.latency(info.now)
        least = chosen.estimate * (chosen.in_flight + 1)
        for load in hand:
            # A queue is never shorter than the latency alone: most need no product.
            if load.estimate < least:
                queue = load.estimate * (load.in_flight + 1)
                if queue < least:
                    chosen = load
                    least = queue
        if not least and chosen.in_flight:
            chosen = _with_unmeasured(hand)
        return chosen.owner

    def pick_of_five(self, info: PickInfo) -> Any:
        # The loop of `pick` unrolled for the default sample: a quarter cheaper.
        hand = next(self._hands)
        chosen, second, third, fourth, fifth = hand
        if info.now - chosen.stamp > chosen.decay_time:
            chosen.estimate = chosen.latency(info.now)
        least = chosen.estimate * (chosen.in_flight + 1)
        if second.estimate < least:
            queue = second.estimate * (second.in_flight + 1)
            if queue < least:
                chosen = second
                least = queue
        if third.estimate < least:
            queue = third.estimate * (third.in_flight + 1)
            if queue < least:
                chosen = third
                least = queue
        if fourth.estimate < least:
            queue = fourth.estimate * (fourth.in_flight + 1)
            if queue < least:
                chosen = fourth
                least = queue
        if fifth.estimate < least:
            queue = fifth.estimate * (fifth.in_flight + 1)
            if queue < least:
                chosen = fifth
                least = queue
        if not least and chosen.in_flight:
            chosen = _with_unmeasured(hand)
        return chosen.owner


class _SoonestByWeight:
    """Picks from hands of unequal weights."""

    __slots__ = ("_hands",)

    def __init__(self, hands: Iterator[Hand]) -> None:
        self._hands = hands

    def pick(self, info: PickInfo) -> Any:
        hand = next(self._hands)
        chosen = hand[0]
        if info.now - chosen.stamp > chosen.decay_time:
            chosen.estimate = chosen.latency(info.now)
        least = chosen.estimate * (chosen.in_flight + 1) / chosen.weight
        for load in hand:
            queue = load.estimate * (load.in_flight + 1) / load.weight
            if queue < least:
                chosen = load
                least = queue
        if not least and chosen.in_flight:
            chosen = _with_unmeasured(hand)
        return chosen.owner

    def pick_of_five(self, info: PickInfo) -> Any:
        hand = next(self._hands)
        chosen, second, third, fourth, fifth = hand
        if info.now - chosen.stamp > chosen.decay_time:
            chosen.estimate = chosen.latency(info.now)
        least = chosen.estimate * (chosen.in_flight + 1) / chosen.weight
        queue = second.estimate * (second.in_flight + 1) / second.weight
        if queue < least:
            chosen = second
            least = queue
        queue = third.estimate * (third.in_flight + 1) / third.weight
        if queue < least:
            chosen = third
            least = queue
        queue = fourth.estimate * (fourth.in_flight + 1) / fourth.weight
        if queue < least:
            chosen = fourth
            least = queue
        queue = fifth.estimate * (fifth.in_flight + 1) / fifth.weight
        if queue < least:
            chosen = fifth
            least = queue
        if not least and chosen.in_flight:
            chosen = _with_unmeasured(hand)
        return chosen.owner
