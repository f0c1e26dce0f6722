"""
What size costs: ten thousand endpoints, five hundred services, five thousand calls at once.

Memory of an endpoint and of an idle service; time to make a client and to its first call;
what a call costs among 10 endpoints and among 10,000, of one service and of 500, while few
calls are in flight and while thousands are, without a network and over real connections;
how long a call is held up in which a breaker opens; and what the import takes beside that
of httpx, in new interpreters.

    python benchmarks/scale.py [--quick] [--json PATH] [--check]

Memory is what tracemalloc counts; the Endpoint is in it, connections are not. Times are of
the processor, compared by turns in one process (see `_slices.py`).
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import Any

import _report
from _plots import Plot
from _scale_calls import flat, flat_over_sockets, in_flight, over_sockets
from _scale_imports import imports
from _scale_state import construction, flips, memory, updates

MOST_BYTES = 1500
"""Of an endpoint whose breaker is closed, without connections."""
MOST_BYTES_OF_A_THOUSAND = 3_000_000
MOST_MS_FOR_A_THOUSAND = 50.0
MOST_RATIO = 1.1
"""Of a call among many to one among few; a tenth more is what the measurement may err."""
MOST_IMPORT = 1.3
MOST_FLIP_MS = 1.0
MOST_UPDATE_MS = 10.0
"""Of 10,000 endpoints, of which 1 % are others."""
MOST_UNCHANGED_MS = 1.0
MARGIN = 1.1
FEWER = 64
"""Calls at once that a call among many is compared with."""


@dataclass(frozen=True)
class Size:
    """How much is measured; pairs are services, and the endpoints of each."""

    endpoints: int
    services: int
    calls: int
    times: int
    seconds: float
    rounds: int
    made: tuple[tuple[int, int], ...]
    flat: tuple[tuple[int, int], ...]
    wired: tuple[tuple[int, int], ...]


WHOLE = Size(
    endpoints=10_000,
    services=500,
    calls=5000,
    times=7,
    seconds=15.0,
    rounds=15,
    made=((1, 1), (1, 1000), (1, 10_000), (500, 1)),
    flat=((1, 10), (1, 1000), (1, 10_000), (500, 1), (500, 10)),
    wired=((1, 10), (1, 8000), (500, 1)),
)
QUICK = Size(
    endpoints=1000,
    services=50,
    calls=200,
    times=2,
    seconds=0.5,
    rounds=1,
    made=((1, 1), (1, 1000)),
    flat=((1, 10), (1, 1000), (50, 1)),
    wired=((1, 10), (1, 200), (50, 1)),
)


def measure(arguments: Any) -> dict[str, Any]:
    """Take all measures."""
    size = QUICK if arguments.quick else WHOLE
    # Each breaker that opens is logged, which takes longer than all the rest of it.
    logging.getLogger("meshlib").setLevel(logging.ERROR)
    return {
        "memory": memory(size.endpoints, size.services),
        "construction": construction(list(size.made), size.times),
        "updates": updates(size.endpoints, 3 * size.times),
        "flips": flips([100, size.endpoints], 10 * size.times),
        "flat": flat(list(size.flat), size.seconds, 200),
        "flat over sockets": flat_over_sockets(list(size.wired), 1.5 * size.seconds, 200),
        "calls": size.calls,
        "fewer": FEWER,
        "in flight": in_flight(size.calls, FEWER),
        "over sockets": over_sockets(size.calls, FEWER),
        "imports": imports(size.rounds),
    }


def tables(result: dict[str, Any]) -> list[_report.Table]:
    """What was found, a table for each measure."""
    calls, fewer = result["calls"], result["fewer"]
    rows = [(name, f"{size:,.0f}") for name, size in result["memory"].items()]
    made = [
        (
            f"{one['services']:,.0f} x {one['endpoints']:,.0f}",
            f"{one['make']:.1f}",
            f"{one['first call']:.2f}",
        )
        for one in result["construction"]
    ]
    flipped = [
        (f"{int(count):,}", f"{one['median']:.3f}", f"{one['worst']:.2f}")
        for count, one in result["flips"].items()
    ]
    costs, wired = (
        [
            (name, f"{one['us']:.1f}", f"{one['ratio']:.3f}")
            for name, one in result[part].items()
            if name != _report.LEFT_OUT
        ]
        for part in ("flat", "flat over sockets")
    )
    several = [
        (
            name,
            f"{one['us']:.1f}",
            f"{one['us of fewer']:.1f}",
            f"{one['ratio']:.2f}",
        )
        for name, one in (
            ("without a network", result["in flight"]),
            ("over real connections", result["over sockets"]),
        )
        if "us" in one
    ]
    taken = [
        (name, f"{one['ms']:.0f}", f"{one['ratio']:.2f}") for name, one in result["imports"].items()
    ]
    head = ("services x endpoints", "ms", "first call, ms")
    return [
        ("Memory", ("of", "bytes"), rows),
        ("To make a client", head, made),
        (
            "A whole new list of endpoints is in force",
            ("it is", "ms"),
            [(name, f"{ms:.2f}") for name, ms in result["updates"].items()],
        ),
        ("A breaker opens or closes", ("endpoints", "median ms", "worst ms"), flipped),
        ("A call that nothing sends", (head[0], "µs", "ratio to the first"), costs),
        ("A call over open connections", (head[0], "µs", "ratio to the first"), wired),
        (
            f"A call among {calls:,}, {result['in flight']['bytes']:,.0f} bytes each",
            ("", f"µs at {calls:,}", f"µs at {fewer}", "ratio"),
            several,
        ),
        ("In a new interpreter", ("", "ms", "ratio to import httpx"), taken),
    ]


def plots(result: dict[str, Any]) -> list[Plot]:
    """What a call costs, by the size of the mesh."""
    figures = result["flat over sockets"]
    names = [name for name in figures if name not in ("control", _report.LEFT_OUT)]
    return [
        Plot(
            name="scale-calls",
            title="A call costs the same, whatever the size of the mesh",
            x="services x endpoints",
            y="CPU time of a call, ratio to the first",
            series={"a call": [(n, figures[name]["ratio"]) for n, name in enumerate(names)]},
            kind="bar",
            ticks={float(n): name for n, name in enumerate(names)},
            lines={"limit": MOST_RATIO},
        )
    ]


def broken(result: dict[str, Any]) -> list[str]:
    """The limits that do not hold."""
    found = []

    def most(what: str, value: float, limit: float) -> None:
        if value > limit:
            found.append(f"{what}: {value:,.2f}, and at most {limit:,.2f}")

    most("bytes of an endpoint", result["memory"]["endpoint"], MOST_BYTES)
    most(
        "bytes of a client of 1,000 endpoints",
        result["memory"]["client of 1,000 endpoints"],
        MOST_BYTES_OF_A_THOUSAND,
    )
    for one in result["construction"]:
        if (one["services"], one["endpoints"]) == (1, 1000):
            most("ms to make a client of 1,000", one["make"], MOST_MS_FOR_A_THOUSAND * MARGIN)
    most("ms of a list that changes", result["updates"]["1 % other endpoints"], MOST_UPDATE_MS)
    most("ms of a list that does not", result["updates"]["the same list"], MOST_UNCHANGED_MS)
    for count, one in result["flips"].items():
        most(f"ms of a breaker among {count} that flips", one["median"], MOST_FLIP_MS)
    for name, one in result["flat over sockets"].items():
        if name != _report.LEFT_OUT:
            most(f"a call among {name}", one["ratio"], MOST_RATIO * MARGIN)
    most("calls that are still in flight", result["in flight"]["left in flight"], 0)
    for name in ("import meshlib", "from meshlib import MeshClient"):
        most(name, result["imports"][name]["ratio"], MOST_IMPORT * MARGIN)
    return found


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
