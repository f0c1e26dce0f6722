"""
The fastest of the endpoints that are not busy, by what they report of themselves.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ._aversion import Aversion
from ._base import C, Picker, PickInfo, only
from ._hands import Hand, deal
from ._load import Load
from ._options import BalancerOptions
from ._prequal_pool import Report, ReportPool, reuse_limit

_FEW = 2
"""Fewer reports say too little: the paper draws at random then, and we count ourselves."""


class Prequal:
    """
    Picks by reports of the endpoints: Prequal (NSDI 2024).

    Each report says how many requests an endpoint serves and how long those take. Of the
    endpoints that serve no more than most, the fastest is picked; one that said nothing
    lately is looked at in its turn, as if it served as few as the idlest, at the latency
    that was measured here. Where fewer than two have said anything, the candidate with the
    fewest attempts in flight is picked, between equals the faster, as `least_connections`
    does. Reports of endpoints that fail more than their peers are not believed.

    A pick costs the same for any number of candidates, and holds a lock for about ten
    microseconds: the pool is changed by it. `tried` is ignored: the caller picks again.

    Thread-safe.
    """

    __slots__ = ("_aversion", "_choice_count", "_lock", "_picks", "_pool", "_rng", "name",
                 "options")  # fmt: skip

    def __init__(self, options: BalancerOptions, rng: random.Random) -> None:
        self.name = "prequal"
        self.options = options
        self._choice_count = options.choice_count
        self._rng = rng
        self._pool = ReportPool(options, rng)
        self._aversion = Aversion(options.idle_decay_time)
        self._picks = 0
        self._lock = threading.Lock()

    def prepare(self, candidates: tuple[C, ...]) -> Picker[C]:
        """Deal the hands from which picks take the silent endpoints."""
        if len(candidates) == 1:
            return only(candidates[0])
        hands = deal(candidates, self._choice_count, self._rng)
        # One report comes with each answer; probes come on top of them.
        rate = 1.0 if self.options.probe_path is None else 1.0 + self.options.probe_rate
        with self._lock:
            self._pool.reuse = reuse_limit(self.options, len(candidates), rate)
        return _ByReports(self, hands, frozenset([c.load for c in candidates])).pick

    def pick(self, candidates: Sequence[C], info: PickInfo) -> C:
        """Choose once, without keeping the hands."""
        return self.prepare(tuple(candidates))(info)

    def report(self, load: Load, rif: float, latency: float, now: float) -> None:
        """Take in that the endpoint of *load* serves *rif* requests, in *latency* seconds each."""
        with self._lock:
            if not self._aversion.is_averse(load, now):
                self._pool.add(load, rif, latency, now)

    def ended(self, load: Load, failed: bool, now: float) -> None:
        """Take in how an attempt at the endpoint of *load* ended."""
        with self._lock:
            self._aversion.note(load, failed, now)
            if failed:
                self._pool.drop(load)

    def silent(self, candidates: Sequence[C], now: float) -> list[C]:
        """
        Choose the *candidates* to probe now, at random among those without a fresh report.

        Up to `probe_rate` for each pick since the last time.
        """
        with self._lock:
            known = set(self._pool.fresh(now))
            owed = self._picks * self.options.probe_rate
            self._picks = 0
        silent = [candidate for candidate in candidates if candidate.load not in known]
        count = min(len(silent), int(owed + self._rng.random()))
        return self._rng.sample(silent, count)

    def renew(self) -> None:
        """A forked child knows no more than what its own calls are told."""
        self._lock = threading.Lock()
        self._pool.reports = {}
        self._picks = 0

    def _choose(self, hand: Hand, members: frozenset[Load], now: float) -> Load:
        pool = self._pool
        with self._lock:
            self._picks += 1
            reports = pool.among(members, now)
            if len(reports) < _FEW:
                return fewest(hand)
            first = hand[0]
            # Whose first answer is awaited, nothing can be presumed of.
            if first not in pool.reports and (first.estimate or not first.in_flight):
                reports.append(_presumed(first, reports))
            chosen = pool.best(reports)
            pool.used(chosen)
            pool.thin_out()
        return chosen.load


def _presumed(load: Load, reports: list[Report]) -> Report:
    """What is held of *load*, which said nothing: it is as idle as the idlest."""
    served = min([report.rif / report.load.weight for report in reports])
    return Report(load, served * load.weight, load.estimate, 0.0, 1.0)


def fewest(hand: Hand) -> Load:
    """Choose the load with the fewest attempts in flight, and the lower latency of equals."""
    chosen = hand[0]
    least = (chosen.in_flight + 1) / chosen.weight
    for load in hand:
        share = (load.in_flight + 1) / load.weight
        if share <= least and (share < least or load.estimate < chosen.estimate):
            chosen, least = load, share
    return chosen


class _ByReports:
    __slots__ = ("_balancer", "_hands", "_members")

    def __init__(self, balancer: Prequal, hands: Iterator[Hand], members: frozenset[Load]) -> None:
        self._balancer = balancer
        self._hands = hands
        self._members = members

    def pick(self, info: PickInfo) -> Any:
        hand = next(self._hands)
        first, now = hand[0], info.now
        if now - first.stamp > first.decay_time:
            first.estimate = first.latency(now)
        return self._balancer._choose(hand, self._members, now).owner
