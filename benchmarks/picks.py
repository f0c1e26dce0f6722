"""
What one pick costs, for every strategy, with 3 to 3,000 endpoints.

Prints nanoseconds a pick, the minimum and the median of short slices that take turns, so
that a busy moment of the machine hits every cell alike. The last column is the cost at
3,000 endpoints over that at 3, by minima.

    python benchmarks/picks.py [--quick] [--json PATH] [--check] [--rounds 60]

With `--check` the exit code is 1 when a ratio is above 1.3.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import _report
from _plots import Plot
from _report import Table

from meshlib._models import Endpoint
from meshlib.balancing import BalancerOptions, Baseline, Load, make_balancer

SIZES = (3, 16, 30, 300, 3000)
LIMIT = 1.3
NOW = 100.0
STRATEGIES: dict[str, tuple[dict[str, Any], bool]] = {
    "round_robin": ({}, False),
    "random": ({}, False),
    "weighted": ({}, True),
    "least_connections": ({}, False),
    "least_connections, weights": ({"name": "least_connections"}, True),
    "least_response_time": ({}, False),
    "least_response_time, weights": ({"name": "least_response_time"}, True),
    "ip_hash": ({}, False),
    "ring_hash": ({}, False),
    "ring_hash, bounded": ({"name": "ring_hash", "hash_balance_factor": 150}, False),
    "maglev": ({}, False),
    "maglev, bounded": ({"name": "maglev", "hash_balance_factor": 150}, False),
}


class Target:
    """A candidate as heavy in memory as a real one, so that caches are as cold."""

    __slots__ = ("endpoint", "load", "rest")

    def __init__(self, endpoint: Endpoint, load: Load) -> None:
        self.endpoint = endpoint
        self.load = load
        self.rest = [0] * 80


@dataclass(slots=True)
class Info:
    """What a call shows to a picker."""

    now: float
    hash_key: str | None
    tried: tuple[object, ...] = ()


def targets(size: int, weighted: bool, rng: random.Random) -> tuple[Target, ...]:
    """Make *size* targets with some in flight; a third of them has been idle."""
    baseline = Baseline()
    in_flight = [number % 3 for number in range(size)]
    rng.shuffle(in_flight)
    made = []
    for number in range(size):
        weight = float(1 + number % 3) if weighted else 1.0
        url = f"http://10.0.{number // 256}.{number % 256}:8080"
        load = Load(baseline, weight=weight)
        load.observe(rng.uniform(0.005, 0.05), NOW - (5.0 if number % 3 == 0 else 0.5))
        load.in_flight = in_flight[number]
        made.append(Target(Endpoint(url, weight=weight), load))
    return tuple(made)


def infos(rng: random.Random) -> list[Info]:
    """Make calls with keys of their own: few enough to leave the cache to the targets."""
    return [Info(NOW, f"user-{rng.getrandbits(32)}") for _ in range(1000)] * 6


def slices(rounds: int) -> Iterator[tuple[str, int, float]]:
    """Yield `(strategy, size, nanoseconds a pick)` for every cell, *rounds* times."""
    rng = random.Random(1)
    calls = infos(rng)
    pickers = []
    shared = {
        (size, weighted): targets(size, weighted, rng)
        for size in SIZES
        for weighted in (False, True)
    }
    for name, (settings, weighted) in STRATEGIES.items():
        options = BalancerOptions.model_validate({"name": name, **settings})
        for size in SIZES:
            picker = make_balancer(options, rng).prepare(shared[size, weighted])
            pickers.append((name, size, picker))
    for _ in range(rounds):
        for name, size, picker in pickers:
            began = perf_counter_ns()
            for call in calls:
                picker(call)
            yield name, size, (perf_counter_ns() - began) / len(calls)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, help="slices of each cell (60; quick: 3)")


def measure(given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Measure all cells: minima and medians by size, and the ratio."""
    samples: dict[tuple[str, int], list[float]] = {}
    for name, size, cost in slices(given.rounds or (3 if given.quick else 60)):
        samples.setdefault((name, size), []).append(cost)
    result: dict[str, dict[str, Any]] = {}
    for name in STRATEGIES:
        least = {str(size): min(samples[name, size]) for size in SIZES}
        result[name] = {
            "min": least,
            "median": {str(size): statistics.median(samples[name, size]) for size in SIZES},
            "ratio": least[str(SIZES[-1])] / least[str(SIZES[0])],
        }
    return result


def tables(result: dict[str, dict[str, Any]]) -> list[Table]:
    head = ("", *(f"{size}" for size in SIZES), f"{SIZES[-1]} / {SIZES[0]}")
    rows = [
        (
            name,
            *(f"{row['min'][str(size)]:.0f} / {row['median'][str(size)]:.0f}" for size in SIZES),
            f"{row['ratio']:.2f}",
        )
        for name, row in result.items()
    ]
    return [("Nanoseconds a pick, least / median, by the number of endpoints", head, rows)]


def plots(result: dict[str, dict[str, Any]]) -> list[Plot]:
    series = {
        name: [(float(size), row["min"][str(size)]) for size in SIZES]
        for name, row in result.items()
        if "," not in name
    }
    ticks = {float(size): str(size) for size in SIZES}
    title = "What one pick costs"
    return [Plot("picks", title, "endpoints", "ns", series, log_x=True, ticks=ticks)]


def broken(result: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{name}: {SIZES[-1]} endpoints cost {row['ratio']:.2f} of {SIZES[0]}, above {LIMIT}"
        for name, row in result.items()
        if row["ratio"] > LIMIT
    ]


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
