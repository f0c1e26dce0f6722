"""
An event loop that is blocked for 200 ms each second, and what it makes of steady servers.

Three servers that take 5 ms each are called from one loop, by a service with a limit that
adapts and by one that hedges, with time-outs of 150 ms. Nothing is wrong with the servers:
each breaker that opens, each ejection and each hedge is our own doing, and so is every
millisecond that an average is above 5. The same is run without anything that blocks, with
it, and with it while the mesh does not measure its stalls (`stalls: null`); they take turns.
At last one of the servers hangs, and must be left out in spite of the stalls.

    python benchmarks/lag.py [--seconds N] [--rounds N] [--quick] [--json PATH] [--check]

`--check` fails when a mesh that measures opens a breaker, ejects, hedges or lowers its limit
more often than in the run without stalls, allowing for a busy machine; see the limits below.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from typing import Any

import _report
from _lag_world import LATENCY, PERIOD, STALL, Seen, run, serving
from _plots import Plot
from _report import Table

CALM, MEASURED, IGNORED = "no stalls", "stalls, measured", "stalls, not measured"
VARIANTS: dict[str, dict[str, bool]] = {
    CALM: {"stalls": False, "measured": True},
    MEASURED: {"stalls": True, "measured": True},
    IGNORED: {"stalls": True, "measured": False},
}
MOST_OPENED = 0
"""Breakers that may open while all servers are well."""
MOST_EJECTED = 0
MOST_HEDGES = 0.02
"""Of the calls; a server, too, is late now and then on a busy machine."""
LEAST_LIMIT = 0.9
"""Of the limit that adapts without stalls."""
MOST_AVERAGE = 3.0
"""Of the average latency without stalls."""
LATEST = 5.0
"""Seconds after which the breaker of a server that hangs has opened in spite of stalls."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of its own."""
    parser.add_argument("--seconds", type=float, default=5.0, help="of a run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of all runs (%(default)s)")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Run all of them in turns; sums and medians by variant."""
    seconds, rounds = (2.0, 1) if given.quick else (given.seconds, given.rounds)
    found: dict[str, list[Seen]] = {name: [] for name in VARIANTS}
    with serving() as urls:
        for turn in range(rounds):
            for name in list(VARIANTS)[:: -1 if turn % 2 else 1]:
                found[name].append(asyncio.run(run(urls, seconds, **VARIANTS[name])))
        hanging = asyncio.run(run(urls, LATEST, stalls=True, measured=True, hangs=True))
    result = {name: _sum(runs) for name, runs in found.items()}
    return {
        "seconds": seconds * rounds, "variants": result, "hangs": hanging.opened_after,
        "stall": STALL, "period": PERIOD,
    }  # fmt: skip


def _sum(runs: list[Seen]) -> dict[str, Any]:
    averages = [each for seen in runs for each in seen.averages if each] or [0.0]
    return {
        "calls": sum(seen.ends.total() for seen in runs),
        "failed": sum(seen.ends["failed"] for seen in runs),
        "refused": sum(seen.ends["refused"] for seen in runs),
        "stalls": sum(seen.events["stalls"] for seen in runs),
        "opened": sum(seen.events["opened"] for seen in runs),
        "ejected": sum(seen.events["ejected"] for seen in runs),
        "hedges": sum(seen.events["hedges"] for seen in runs),
        "average": statistics.mean(averages) * 1e3,
        "worst": max(averages) * 1e3,
        "limit": statistics.mean([limit for seen in runs for limit in seen.limits] or [0]),
        "line": runs[0].line,
    }


HEAD = (
    "", "calls", "timed out", "refused", "stalls seen", "breakers opened", "ejected", "hedges",
    "average", "worst average", "limit",
)  # fmt: skip


def tables(result: dict[str, Any]) -> list[Table]:
    """One row to a variant."""
    rows: list[tuple[str, ...]] = [
        (
            name,
            f"{of['calls']:,}",
            str(of["failed"]),
            str(of["refused"]),
            str(of["stalls"]),
            str(of["opened"]),
            str(of["ejected"]),
            str(of["hedges"]),
            f"{of['average']:.1f} ms",
            f"{of['worst']:.1f} ms",
            f"{of['limit']:.0f}",
        )
        for name, of in result["variants"].items()
    ]
    title = (
        f"{result['seconds']:.0f} s of each, servers of {LATENCY * 1e3:.0f} ms, the loop blocked "
        f"for {result['stall'] * 1e3:.0f} ms every {result['period']:.0f} s"
    )
    hangs = "never" if result["hangs"] is None else f"after {result['hangs']:.2f} s"
    dead: list[tuple[str, ...]] = [("a server that hangs is left out", hangs)]
    return [(title, HEAD, rows), ("with the same stalls, measured", ("", ""), dead)]


def plots(result: dict[str, Any]) -> list[Plot]:
    """What is known of the first endpoint's latency over time."""
    series = {name: [tuple(at) for at in of["line"]] for name, of in result["variants"].items()}
    return [Plot("lag", "Average latency of an endpoint", "seconds", "ms", series, log=True)]


def broken(result: dict[str, Any]) -> list[str]:
    """What stalls have changed though they were measured."""
    calm, ours = result["variants"][CALM], result["variants"][MEASURED]
    failures = []
    if ours["opened"] > calm["opened"] + MOST_OPENED:
        failures.append(f"{ours['opened']} breakers opened for stalls")
    if ours["ejected"] > calm["ejected"] + MOST_EJECTED:
        failures.append(f"{ours['ejected']} endpoints were ejected for stalls")
    if ours["hedges"] > calm["hedges"] + MOST_HEDGES * ours["calls"]:
        failures.append(f"{ours['hedges']} hedges to {ours['calls']} calls, not {calm['hedges']}")
    if ours["limit"] < LEAST_LIMIT * calm["limit"]:
        failures.append(f"the limit fell from {calm['limit']:.0f} to {ours['limit']:.0f}")
    if ours["average"] > MOST_AVERAGE * calm["average"]:
        failures.append(f"averages are {ours['average']:.1f} ms, not {calm['average']:.1f}")
    if result["hangs"] is None or result["hangs"] > LATEST:
        failures.append(f"a server that hangs was left out after {result['hangs']} s")
    return failures


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
