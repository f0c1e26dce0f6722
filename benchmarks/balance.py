"""
Tails: how well each strategy balances replicas of unequal speed, against Envoy and an oracle.

    python benchmarks/balance.py               # both parts, about a quarter of an hour
    python benchmarks/balance.py --simulate    # the part that repeats, two to five minutes
    python benchmarks/balance.py --quick

Twenty replicas of four slots and a queue each, of speeds 0.6, 1, 1 and 1.4; 15 % of the time a
neighbour makes one 2.5 times slower for a while; requests need a lognormal time, and 2 % of
them eight times as much; they arrive by a Poisson process, whether those before them were
answered or not, from 10 or 100 clients that know nothing of each other. In a part of its own
one replica fails at once for some seconds, and then no more; nothing is tried again there.

The *real* part runs them: all replicas in one server process, a port for each, whose service
times are timers; all clients in another, each a mesh of its own over its own connections; and
Envoy, with a listener and a cluster for each client. The clients of the oracle know all
queues and all speeds, and join the shortest one (by speed). Only the order of magnitude of
times is `--scale` times that of the simulation, so that two processors are enough. *cores* is
what the clients' process and Envoy's used of one, and *late* how late requests were sent (the
99th percentile, in ms), because the machine was busy: far below the p99, or believe no tail.

The *simulated* part has the library's own calls, meshes and balancers, and a clock, a wire
and replicas that are made up. Every strategy gets the same requests in both parts.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
from typing import Any

from _balance_figures import figures
from _balance_world import World
from _plots import Plot
from _report import Table, main

DEFAULT = "least_connections"
ORACLE = "oracle"
LEAST_REQUEST = "Envoy LEAST_REQUEST"
OURS = (DEFAULT, "least_response_time", "prequal", "round_robin", "weighted", "random", "maglev")
ALL = (ORACLE, *OURS, LEAST_REQUEST, "Envoy ROUND_ROBIN")
BEST = (ORACLE, DEFAULT, "least_response_time", "prequal", LEAST_REQUEST)

SMALL, LARGE = (10, 20), (100, 20)
SIMULATED = ((*SMALL, 0.6), (*SMALL, 0.8), (*SMALL, 0.9), (*SMALL, 0.95), (*LARGE, 0.7))
REAL = (
    ((*SMALL, 0.8), ALL),
    ((*LARGE, 0.7), BEST),
    ((*SMALL, 0.6), BEST),
    ((*SMALL, 0.95), BEST),
)
FAILS = (0.15, 0.45)
"""When the failing replica fails: parts of a run."""

HEAD = (
    "", "p50 ms", "p99", "p99.9", "p99 / oracle", "p99 / Envoy LR", "errors", "cores", "late"
)  # fmt: skip

MOST_OF_ENVOY = 0.8
MOST_OF_ORACLE = {"10 x 20, 0.8": 1.35, "100 x 20, 0.7": 2.0}
MOST_ERRORS = 0.003
HEALED_WITHIN = 10.0
ENOUGH = 4000
"""Requests of a run below which its p99 is judged by nobody."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be said of this benchmark."""
    parser.add_argument("--simulate", action="store_true", help="no real processes")
    parser.add_argument("--seconds", type=float, default=25.0, help="of each real run")
    parser.add_argument("--scale", type=float, default=6.0, help="of times in real runs")
    parser.add_argument("--runs", type=int, default=1, help="seeds of the real part")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the simulated part")


def name_of(scenario: tuple[int, int, float]) -> str:
    """A scenario as tables call it."""
    clients, replicas, load = scenario
    return f"{clients} x {replicas}, {load:g}"


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run everything that was asked for."""
    quick = arguments.quick
    logging.getLogger("meshlib").setLevel(logging.ERROR)  # breakers open a thousand times
    result: dict[str, Any] = {"simulated": {}, "real": {}}
    seeds = 1 if quick else arguments.seeds
    for scenario in SIMULATED[1:2] if quick else SIMULATED:
        result["simulated"][name_of(scenario)] = simulated(scenario, seeds, 2.0 if quick else 6.0)
    result["failing, simulated"] = simulated(
        (*SMALL, 0.6), seeds, 16.0, (DEFAULT,) if quick else (DEFAULT, "prequal"), FAILS
    )
    if arguments.simulate:
        return result
    seconds, scale = (2.0, 10.0) if quick else (arguments.seconds, arguments.scale)
    for scenario, strategies in REAL[:1] if quick else REAL:
        chosen = (DEFAULT, LEAST_REQUEST) if quick else strategies
        found = real(scenario, chosen, seconds, scale, 1 if quick else arguments.runs)
        result["real"][name_of(scenario)] = found
    if not quick:
        result["failing"] = real((*SMALL, 0.6), (DEFAULT, "prequal"), seconds, scale, 1, FAILS)
    return result


def simulated(
    scenario: tuple[int, int, float],
    seeds: int,
    seconds: float,
    strategies: tuple[str, ...] = (ORACLE, *OURS, LEAST_REQUEST),
    fails: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """The medians over the seeds, by strategy."""
    from _balance_simulated import EnvoyLike, Oracle, Ours, simulate

    found: dict[str, Any] = {}
    for strategy in strategies:

        def make(world: World, replicas: Any, strategy: str = strategy) -> Any:
            if strategy == ORACLE:
                return Oracle(replicas)
            if strategy == LEAST_REQUEST:
                return EnvoyLike(world)
            settings = {"balancer": strategy, "retry": False}
            return Ours(world, settings, reports=strategy == "prequal")

        worlds = (_world(scenario, seconds, seed, 1.0, fails) for seed in range(1, seeds + 1))
        found[strategy] = _median([figures(simulate(w, make), w, seconds / 8) for w in worlds])
    return found


def real(
    scenario: tuple[int, int, float],
    strategies: tuple[str, ...],
    seconds: float,
    scale: float,
    runs: int,
    fails: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """The same with processes; what needs a program that is not there is left out."""
    from _balance_real import run_once

    each: dict[str, list[dict[str, Any]]] = {}
    for seed in range(1, runs + 1):
        world = _world(scenario, seconds, seed, scale, fails)
        for strategy in strategies if seed % 2 else reversed(strategies):
            found = run_once(world, strategy, seconds / 8)
            if found is not None:
                each.setdefault(strategy, []).append(found)
    return {strategy: _median(each[strategy]) for strategy in strategies if strategy in each}


def _world(
    scenario: tuple[int, int, float],
    seconds: float,
    seed: int,
    scale: float,
    fails: tuple[float, float] | None,
) -> World:
    when = None if fails is None else (fails[0] * seconds, fails[1] * seconds)
    return World(*scenario, seconds, seed, scale, when)


def _median(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure; of when it healed, where it never did, the longest."""
    median: dict[str, Any] = {}
    for key in found[0]:
        values = [each[key] for each in found]
        if key == "cpu":
            median[key] = values[0]
        elif None in values:
            median[key] = None
        else:
            median[key] = statistics.median(values)
    return median


def tables(result: dict[str, Any]) -> list[Table]:
    """What the runs came to."""
    made: list[Table] = []
    for part in ("real", "simulated"):
        for scenario, found in result[part].items():
            made.append((f"{part}: clients x replicas, load: {scenario}", *_rows(found)))
    made += [
        (f"a replica that fails at once ({part})", *_failing(result[part]))
        for part in ("failing", "failing, simulated")
        if part in result
    ]
    return made


def _rows(found: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    oracle, envoy = found.get(ORACLE), found.get(LEAST_REQUEST)
    rows = []
    for strategy, one in sorted(found.items(), key=lambda item: item[1]["p99"]):
        times = [f"{one[key]:.1f}" for key in ("p50", "p99", "p99.9")]
        ratios = [_over(one, other) for other in (oracle, envoy)]
        cpu = one.get("cpu")
        used = "" if cpu is None else f"{cpu['clients']:.2f} + {cpu['envoy']:.2f}"
        late = f"{one['late']:.1f}" if "late" in one else ""
        rows.append((strategy, *times, *ratios, f"{one['errors']:.2%}", used, late))
    return HEAD, rows


def _over(one: dict[str, Any], other: dict[str, Any] | None) -> str:
    return "" if other is None else f"{one['p99'] / other['p99']:.2f}"


def _failing(found: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows: list[tuple[str, ...]] = []
    for strategy, one in found.items():
        healed = "never" if one["healed"] is None else f"{one['healed']:.1f} s"
        rows.append((strategy, f"{one['errors']:.3%}", healed))
    return ("", "errors of all requests", "at half its share after it healed"), rows


def plots(result: dict[str, Any]) -> list[Plot]:
    """p99 over load, as multiples of the oracle's."""
    series: dict[str, list[tuple[float, float]]] = {}
    for scenario, found in result["simulated"].items():
        size, _, load = scenario.partition(", ")
        if size == "10 x 20" and ORACLE in found:
            for strategy in BEST[1:]:
                ratio = found[strategy]["p99"] / found[ORACLE]["p99"]
                series.setdefault(strategy, []).append((float(load), ratio))
    return [
        Plot(
            name="balance",
            title="10 clients, 20 replicas of unequal speed (simulated)",
            x="load",
            y="p99 / p99 of the oracle",
            series=series,
        )
    ]


def broken(result: dict[str, Any]) -> list[str]:
    """The limits that do not hold."""
    said = []
    for part in ("real", "simulated"):
        for scenario, most in MOST_OF_ORACLE.items():
            found = result[part].get(scenario, {})
            ours = found.get(DEFAULT)
            if ours is None or ours["requests"] < ENOUGH:
                continue
            for other, limit in ((ORACLE, most), (LEAST_REQUEST, MOST_OF_ENVOY)):
                if other in found and ours["p99"] > limit * found[other]["p99"]:
                    ratio = ours["p99"] / found[other]["p99"]
                    said.append(f"{part}, {scenario}: p99 {ratio:.2f} of {other}, above {limit}")
    for part in ("failing", "failing, simulated"):
        ours = result.get(part, {}).get(DEFAULT)
        if ours is None or ours["requests"] < ENOUGH:
            continue
        if ours["errors"] > MOST_ERRORS:
            said.append(f"{part}: {ours['errors']:.2%} errors, above {MOST_ERRORS:.1%}")
        if ours["healed"] is None or ours["healed"] > HEALED_WITHIN:
            said.append(f"{part}: back after {ours['healed']} s, above {HEALED_WITHIN}")
    return said


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
