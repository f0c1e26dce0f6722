"""
What happens in a run of the comparison of balancers, drawn before it begins.

Replicas of four slots with a queue each, of unequal speed; a neighbour that slows some of
them down for a while; requests that need a lognormal time, a few of them much more; and, if
that is wished, a replica that fails at once for a while. The same seed gives every strategy
the same requests at the same instants (common random numbers). All times grow with `scale`,
so that a run in real time can be as slow as two processors need it to be.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from dataclasses import dataclass, field

SPEEDS = (0.6, 1.0, 1.0, 1.4)
SLOTS = 4
MEDIAN = 0.010
SIGMA = 0.5
TAIL_SHARE, TAIL = 0.02, 8.0
SLOW, SLOW_SECONDS, SLOW_SHARE = 2.5, 2.0, 0.15
_MOST_SLOWED = 5.0
"""Slow phases grow with `scale` up to here, or a run would see but one of them."""
FAIL_AFTER = 0.0005
FAILING = 1
"""Which replica fails, when one does: one of average speed."""

_MEAN = MEDIAN * math.exp(SIGMA**2 / 2) * (1 + TAIL_SHARE * (TAIL - 1))
_KEPT_SPEED = 1 - SLOW_SHARE + SLOW_SHARE / SLOW


@dataclass(frozen=True)
class Request:
    """One request: when and from whom, and the seconds it takes at speed 1."""

    at: float
    client: int
    demand: float


@dataclass
class World:
    """The draws of one seed. *fails* is from when until when a replica fails, in seconds."""

    clients: int
    replicas: int
    load: float
    seconds: float
    seed: int = 1
    scale: float = 1.0
    fails: tuple[float, float] | None = None
    rate: float = field(init=False)
    requests: list[Request] = field(init=False)
    slow_from: list[list[float]] = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed * 1000 + self.replicas)
        speed = sum(self.speed(number) for number in range(self.replicas))
        capacity = SLOTS * speed * _KEPT_SPEED / (_MEAN * self.scale)
        self.rate = self.load * capacity
        """Requests a second, of all clients together."""
        self.requests = []
        at = 0.0
        while at < self.seconds:
            at += rng.expovariate(self.rate)
            demand = MEDIAN * self.scale * rng.lognormvariate(0.0, SIGMA)
            if rng.random() < TAIL_SHARE:
                demand *= TAIL
            self.requests.append(Request(at, rng.randrange(self.clients), demand))
        self.slow_from = [self._phases(rng) for _ in range(self.replicas)]

    def _phases(self, rng: random.Random) -> list[float]:
        """The instants at which a replica becomes slow, usual, slow... in turn."""
        length = SLOW_SECONDS * min(self.scale, _MOST_SLOWED)
        gap = length * (1 - SLOW_SHARE) / SLOW_SHARE
        at = rng.expovariate(1 / gap)
        if rng.random() < SLOW_SHARE:
            at = -rng.random() * length
        instants: list[float] = []
        while at < self.seconds * 2:
            instants += [at, at + length]
            at += length + rng.expovariate(1 / gap)
        return instants

    @staticmethod
    def speed(replica: int) -> float:
        """How fast *replica* is while nothing slows it down."""
        return SPEEDS[replica % len(SPEEDS)]

    def pace(self, replica: int, now: float) -> float:
        """How fast *replica* is at *now*."""
        slowed = bisect_right(self.slow_from[replica], now) % 2
        return self.speed(replica) / (SLOW if slowed else 1.0)

    def broken(self, replica: int, now: float) -> bool:
        """Whether *replica* fails what it gets at *now*."""
        fails = self.fails
        return fails is not None and replica == FAILING and fails[0] <= now < fails[1]

    def fair_share(self, replica: int) -> float:
        """The part of all requests that *replica* would get by its speed."""
        speeds = [self.speed(number) for number in range(self.replicas)]
        return speeds[replica] / sum(speeds)
