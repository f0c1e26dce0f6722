"""
A server under overload, simulated: events in order, and a clock that jumps from one to the next.

Requests come whether or not earlier ones were answered, as those of many clients do. The
server works on so many at once and keeps the others in line; it never learns that a client
has given up, so an answer that comes too late has cost as much as a good one.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from meshlib.bulkhead.limits import Gate


@dataclass(frozen=True, kw_only=True)
class Load:
    """What comes, and what the server can do."""

    slots: int = 10
    """Requests worked on at once."""
    service_time: float = 0.1
    """Seconds of work for one, on the average."""
    spread: bool = True
    """Whether that time is exponentially distributed, else it is always the same."""
    overload: float = 3.0
    """Requests offered, as a multiple of the capacity."""
    deadline: float = 1.0
    """Seconds after which nobody waits for the answer."""
    shares: Mapping[int, float] = field(default_factory=lambda: {2: 1.0})
    """What part of the requests has which priority."""

    @property
    def capacity(self) -> float:
        """Requests a second."""
        return self.slots / self.service_time


@dataclass
class Minutes:
    """What became of requests, by the minute they came in or were answered in."""

    load: Load
    offered: list[int]
    good: list[int]
    """Answers within the deadline."""
    late: int = 0
    offered_by: dict[int, int] = field(default_factory=dict)
    good_by: dict[int, int] = field(default_factory=dict)

    @property
    def goodput(self) -> list[float]:
        """Good answers of each minute, as a share of what the server can do."""
        return [good / (60.0 * self.load.capacity) for good in self.good]

    def kept(self, priority: int) -> float:
        """Share of the requests of *priority* that got a good answer."""
        return self.good_by.get(priority, 0) / self.offered_by[priority]


def simulate(
    load: Load,
    gate: Gate | None,
    *,
    minutes: int,
    seed: int = 1,
    capacity_at: Callable[[float], float] = lambda now: 1.0,
) -> Minutes:
    """
    Offer *load* for some minutes to a server behind *gate*, or to one without.

    *capacity_at* is how fast the server works at an instant, 1 being as fast as ever.
    """
    rng = random.Random(seed)
    told = Minutes(load, [0] * minutes, [0] * minutes)
    end = 60.0 * minutes
    rate = load.overload * load.capacity
    priorities, weights = list(load.shares), list(load.shares.values())
    line: deque[tuple[float, int]] = deque()
    working: list[tuple[float, float, int]] = []
    coming = rng.expovariate(rate)

    def start(now: float, arrived: float, priority: int) -> None:
        mean = load.service_time / capacity_at(now)
        seconds = rng.expovariate(1 / mean) if load.spread else mean
        heapq.heappush(working, (now + seconds, arrived, priority))

    while coming < end:
        if working and working[0][0] <= coming:
            now, arrived, priority = heapq.heappop(working)
            elapsed = now - arrived
            is_late = elapsed > load.deadline
            if gate is not None:
                gate.leave(now, elapsed, is_late)
            if is_late:
                told.late += 1
            else:
                told.good[int(now // 60)] += 1
                told.good_by[priority] = told.good_by.get(priority, 0) + 1
            if line:
                start(now, *line.popleft())
            continue
        now, coming = coming, coming + rng.expovariate(rate)
        priority = rng.choices(priorities, weights)[0]
        told.offered[int(now // 60)] += 1
        told.offered_by[priority] = told.offered_by.get(priority, 0) + 1
        if gate is not None and not gate.try_enter(priority, now):
            continue
        if len(working) < load.slots:
            start(now, now, priority)
        else:
            line.append((now, priority))
    return told
