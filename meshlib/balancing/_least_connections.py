"""
Fewest attempts in flight; between equals, the lower latency.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from ._base import C, Picker, PickInfo, only
from ._hands import Hand, deal, is_five, same_weights


class LeastConnections:
    """
    Picks the candidate with the fewest attempts in flight.

    Ties go to the lower latency average: of many clients each counts only 0 or 1 in
    flight, and then the latency tells more than the count. Candidates that differ in
    neither take turns. With unequal weights `(in_flight + 1) / weight` is compared.

    Up to 16 candidates are all compared, above that a sample of *choice_count* distinct
    ones. `tried` is ignored: the caller picks again.

    Thread-safe.
    """

    __slots__ = ("_choice_count", "_rng", "name")

    varies = True

    def __init__(
        self, choice_count: int, rng: random.Random, *, name: str = "least_connections"
    ) -> None:
        self.name = name
        self._choice_count = choice_count
        self._rng = rng

    def prepare(self, candidates: tuple[C, ...]) -> Picker[C]:
        """Deal the hands that picks compare."""
        if len(candidates) == 1:
            return only(candidates[0])
        hands = deal(candidates, self._choice_count, self._rng)
        five = is_five(len(candidates), self._choice_count)
        if same_weights(candidates):
            fewest = _Fewest(hands)
            return fewest.pick_of_five if five else fewest.pick
        weighted = _FewestByWeight(hands)
        return weighted.pick_of_five if five else weighted.pick

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Choose once, without keeping the hands."""
        return self.prepare(tuple(candidates))(info)

    def renew(self) -> None:
        """Nothing is kept between two calls of `prepare`."""


class _Fewest:
    """Picks from hands of equal weights."""

    __slots__ = ("_hands",)

    def __init__(self, hands: Iterator[Hand]) -> None:
        self._hands = hands

    def pick(self, info: PickInfo) -> Any:
        hand = next(self._hands)
        chosen = hand[0]
        if info.now - chosen.stamp > chosen.decay_time:
            chosen.estimate = chosen.latency(info.now)
        fewest = chosen.in_flight
        for load in hand:
            in_flight = load.in_flight
            if in_flight <= fewest and (in_flight < fewest or load.estimate < chosen.estimate):
                chosen = load
                fewest = in_flight
        return chosen.owner

    def pick_of_five(self, info: PickInfo) -> Any:
        # The loop of `pick` unrolled for the default sample: a third cheaper.
        chosen, second, third, fourth, fifth = next(self._hands)
        if info.now - chosen.stamp > chosen.decay_time:
            chosen.estimate = chosen.latency(info.now)
        fewest = chosen.in_flight
        n = second.in_flight
        if n <= fewest and (n < fewest or second.estimate < chosen.estimate):
            chosen = second
            fewest = n
        n = third.in_flight
        if n <= fewest and (n < fewest or third.estimate < chosen.estimate):
            chosen = third
            fewest = n
        n = fourth.in_flight
        if n <= fewest and (n < fewest or fourth.estimate < chosen.estimate):
            chosen = fourth
            fewest = n
        n = fifth.in_flight
        if n <= fewest and (n < fewest or fifth.estimate < chosen.estimate):
            chosen = fifth
        return chosen.owner


class _FewestByWeight:
    """Picks from hands of unequal weights."""

    __slots__ = ("_hands",)

    def __init__(self, hands: Iterator[Hand]) -> None:
        self._hands = hands

    def pick(self, info: PickInfo) -> Any:
        hand = next(self._hands)
        chosen = hand[0]
        if info.now - chosen.stamp > chosen.decay_time:
            chosen.estimate = chosen.latency(info.now)
        fewest = (chosen.in_flight + 1) / chosen.weight
        for load in hand:
            share = (load.in_flight + 1) / load.weight
            if share <= fewest and (share < fewest or load.estimate < chosen.estimate):
                chosen = load
                fewest = share
        return chosen.owner

    def pick_of_five(self, info: PickInfo) -> Any:
        chosen, second, third, fourth, fifth = next(self._hands)
        if info.now - chosen.stamp > chosen.decay_time:
            chosen.estimate = chosen.latency(info.now)
        fewest = (chosen.in_flight + 1) / chosen.weight
        n = (second.in_flight + 1) / second.weight
        if n <= fewest and (n < fewest or second.estimate < chosen.estimate):
            chosen = second
            fewest = n
        n = (third.in_flight + 1) / third.weight
        if n <= fewest and (n < fewest or third.estimate < chosen.estimate):
            chosen = third
            fewest = n
        n = (fourth.in_flight + 1) / fourth.weight
        if n <= fewest and (n < fewest or fourth.estimate < chosen.estimate):
            chosen = fourth
            fewest = n
        n = (fifth.in_flight + 1) / fifth.weight
        if n <= fewest and (n < fewest or fifth.estimate < chosen.estimate):
            chosen = fifth
        return chosen.owner
