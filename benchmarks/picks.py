"""
What one pick costs, for every strategy, with 3 to 3,000 endpoints.

Prints nanoseconds a pick, the minimum and the median of short slices that take turns, so
that a busy moment of the machine hits every cell alike. The last column is the cost at
3,000 endpoints over that at 3, by minima.

    python benchmarks/picks.py [--json PATH] [--check] [--rounds 60]

With `--check` the exit code is 1 when a ratio is above 1.3.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

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


def measure(rounds: int) -> dict[str, dict[str, Any]]:
    """Measure all cells: minima and medians by size, and the ratio."""
    samples: dict[tuple[str, int], list[float]] = {}
    for name, size, cost in slices(rounds):
        samples.setdefault((name, size), []).append(cost)
    table: dict[str, dict[str, Any]] = {}
    for name in STRATEGIES:
        least = {size: min(samples[name, size]) for size in SIZES}
        table[name] = {
            "min": least,
            "median": {size: statistics.median(samples[name, size]) for size in SIZES},
            "ratio": least[SIZES[-1]] / least[SIZES[0]],
        }
    return table


def main() -> int:
    """Print the table; see the module."""
    parser = argparse.ArgumentParser(description="What one pick costs.")
    parser.add_argument("--json", metavar="PATH")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    table = measure(arguments.rounds)
    print(f"{'ns a pick, min / median':32}" + "".join(f"{size:>13}" for size in SIZES) + "   ratio")
    for name, row in table.items():
        cells = "".join(f"{row['min'][size]:>7.0f} /{row['median'][size]:>4.0f}" for size in SIZES)
        print(f"{name:32}{cells}{row['ratio']:>8.2f}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(table, file, indent=1)
    return int(arguments.check and any(row["ratio"] > LIMIT for row in table.values()))


if __name__ == "__main__":
    sys.exit(main())
