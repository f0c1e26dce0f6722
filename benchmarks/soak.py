"""
A mesh under full load for a long time, and what must not grow meanwhile.

Threads and tasks call services over HTTP/1.1 and HTTP/2 as fast as they can: whole bodies,
bodies that are dropped after a few chunks, uploads, calls with deadlines that pass, tasks
that are cancelled, hedges, copies to a mirror, bulkheads that are full. The servers, in a
process of their own, fail, hang up and are slow now and then. Every second one of them
leaves and another one comes, or one crashes without a word, and the mesh gets another
document, with another balancer and another limit. Every few seconds all calls pause, and
what is left is counted: memory, descriptors, threads, tasks, permits.

    python benchmarks/soak.py [--minutes 20] [--threads N] [--tasks N] [--seed N]
                              [--quick] [--json PATH] [--check]

`--check` fails when a permit is still held while nothing is in flight, when there is a
descriptor that no connection explains, a thread or a task more than in the beginning, or
when memory grows; see the limits below.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import Counter
from typing import Any

import _report
from _plots import Plot
from _report import Table
from _soak_load import Load, World, swap
from _soak_samples import sample
from _soak_servers import Fleet

from meshlib import Mesh

GROWTH = 0.02
"""
Share of the memory by which it may rise from the first quarter to the end. 20 minutes are
about a million calls and a thousand endpoints: a leak of a hundred bytes to a call would be
100 MB, one of a kilobyte to an endpoint 1 MB. What is free is given back before memory is
read, or the number of pages that malloc keeps for its threads would rise for an hour.
"""
NOISE = 3.0
"""Or so many standard errors of the slope: over a short time the line is not known better."""
MIRRORED = 10
"""Connections that the copies of a mirror keep open at most, which no client counts."""
OBJECTS = 0.05
"""Share of the objects that the collector knows by which they may rise in the same time."""
EVERY, EVERY_QUICK = 10.0, 2.5
"""Seconds between two samples."""
CHANGE = 1.0
"""Seconds between two changes of the world."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of its own."""
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (%(default)s)")
    parser.add_argument("--threads", type=int, default=6, help="(%(default)s)")
    parser.add_argument("--tasks", type=int, default=48, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="(%(default)s)")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Run it; the samples."""
    seconds, every = given.minutes * 60, EVERY
    if given.quick:
        seconds, every = 12.0, EVERY_QUICK
    fleet = Fleet(given.seed)
    try:
        world = World(fleet, random.Random(given.seed))
        with Mesh("soak", config=world.document()) as mesh:
            http2 = bool(world.urls[2])
            sizes = {"threads": given.threads, "tasks": given.tasks}
            load = Load(mesh, given.seed, **sizes, http2=http2)
            load.start()
            try:
                samples = _samples(load, world, seconds, every)
            finally:
                load.stop()
            counts, strange = dict(load.counts), load.strange
    finally:
        fleet.close()
    result = {
        "seconds": seconds, "http2": http2, "changes": world.changes, "samples": samples,
        "counts": counts, "strange": strange, "enough": len(samples) >= 12,
    }  # fmt: skip
    return {**result, "memory": trend(result, "memory"), "objects": trend(result, "objects")}


def _samples(load: Load, world: World, seconds: float, every: float) -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = []
    began = time.monotonic()
    next_change, next_sample = began + CHANGE, began + every
    while (now := time.monotonic()) < began + seconds:
        if now >= next_change:
            swap(load.mesh, world)
            next_change = max(next_change + CHANGE, time.monotonic())
        if now >= next_sample:
            samples.append(sample(load, began))
            next_sample = time.monotonic() + every
        time.sleep(0.02)
    samples.append(sample(load, began))
    return samples


def trend(result: dict[str, Any], name: str) -> dict[str, float]:
    """The line through the last three quarters: what it rises by, as a share, and its error."""
    samples = [each for each in result["samples"] if each["at"] >= result["seconds"] / 4]
    times, values = [s["at"] for s in samples], [s[name] for s in samples]
    if len(samples) < 3:
        return {"mean": values[-1], "rise": 0.0, "error": 0.0}
    slope, first = statistics.linear_regression(times, values)
    middle, mean = statistics.mean(times), statistics.mean(values)
    rest = [value - first - slope * at for at, value in zip(times, values, strict=True)]
    spread = sum((at - middle) ** 2 for at in times)
    error = (sum(each**2 for each in rest) / (len(rest) - 2) / spread) ** 0.5
    span = times[-1] - times[0]
    return {"mean": mean, "rise": slope * span / mean, "error": error * span / mean}


def unexplained(seen: dict[str, Any]) -> int:
    """Descriptors that belong to no connection."""
    return int(seen["descriptors"] - seen["connections"])


def grown(result: dict[str, Any]) -> list[tuple[str, int, int]]:
    """The types of which there are more at the end than after a quarter, most first."""
    later = [each for each in result["samples"] if each["at"] >= result["seconds"] / 4]
    first, last = Counter(later[0]["types"]), Counter(later[-1]["types"])
    more = {name: last[name] - first[name] for name in first.keys() & last.keys()}
    names = sorted((name for name in more if more[name] > 0), key=lambda name: -more[name])
    return [(name, first[name], last[name]) for name in names[:8]]


def tables(result: dict[str, Any]) -> list[Table]:
    """What was seen in the beginning, in the middle and at the end."""
    samples = result["samples"]
    picked = [samples[round(part * (len(samples) - 1))] for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
    rows: list[tuple[str, ...]] = [
        (
            f"{seen['at']:.0f} s",
            f"{seen['calls']:,}",
            f"{seen['memory']:.1f}",
            f"{seen['objects']:,}",
            str(seen["descriptors"]),
            str(seen["connections"]),
            str(seen["threads"]),
            str(seen["tasks"]),
            str(sum(seen["held"].values())),
        )
        for seen in picked
    ]
    head = ("", "calls", "MiB", "objects", "descriptors", "connections", "threads", "tasks", "held")
    title = f"{result['seconds'] / 60:.1f} minutes, {result['changes']} changes of the world"
    trends = [
        (name, *(f"{result[name][key]:+.2%}" for key in ("rise", "error")))
        for name in ("memory", "objects")
    ]
    ends = sorted(result["counts"].items(), key=lambda item: -item[1])
    return [
        (title, head, rows),
        ("the last three quarters", ("", "rise", "standard error"), trends),
        ("how calls ended", ("", "calls"), [(name, f"{number:,}") for name, number in ends]),
        (
            "objects that there are more of",
            ("", "after a quarter", "at the end"),
            [(name, f"{before:,}", f"{after:,}") for name, before, after in grown(result)],
        ),
    ]


def plots(result: dict[str, Any]) -> list[Plot]:
    """Memory, and what is counted, over time."""
    samples = result["samples"]

    def line(name: str) -> list[tuple[float, float]]:
        return [(seen["at"] / 60, float(seen[name])) for seen in samples]

    counted = {name: line(name) for name in ("descriptors", "connections", "threads", "tasks")}
    return [
        Plot("soak-memory", "Memory under full load", "minutes", "MiB", {"RSS": line("memory")}),
        Plot("soak-counts", "Between calls", "minutes", "", counted),
    ]


def broken(result: dict[str, Any]) -> list[str]:
    """What grew, or was kept."""
    samples = result["samples"]
    failures = [f"a call raised what no caller expects: {what}" for what in result["strange"]]
    for seen in samples:
        where = f"after {seen['at']:.0f} s"
        if not seen["quiet"]:
            failures.append(f"{where}: calls did not end")
        failures += [f"{where}: {number} still {name}" for name, number in seen["held"].items()]
        if seen["busy connections"]:
            failures.append(f"{where}: {seen['busy connections']} connections are in use")
    for name, of in {"threads": "threads", "tasks": "tasks"}.items():
        if samples[-1][name] > samples[0][name]:
            failures.append(f"{of} rose from {samples[0][name]} to {samples[-1][name]}")
    if unexplained(samples[-1]) > unexplained(samples[0]) + MIRRORED:
        numbers = f"{unexplained(samples[0])} to {unexplained(samples[-1])}"
        failures.append(f"descriptors without a connection rose from {numbers}")
    for name, limit in {"memory": GROWTH, "objects": OBJECTS}.items():
        rise, error = result[name]["rise"], result[name]["error"]
        if result["enough"] and rise > max(limit, NOISE * error):
            failures.append(f"{name} rose by {rise:.1%}, above {limit:.0%}")
    return failures


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
