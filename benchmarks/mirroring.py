"""
What mirroring does to the calls that are copied: success, and latency at p50 and p99.

Calls to one service by clients that differ in nothing but their mirror, which takes every
call: none at all, one to a port where nobody listens, one to a server that accepts and
never answers, and one that answers. They take turns of a few milliseconds in one process,
so that a neighbour of the machine hits all of them alike.

    python benchmarks/mirroring.py [--seconds N] [--rounds N] [--quick] [--json PATH]
                                   [--check]

`--check` fails, with exit code 1, when a call fails, or when a mirror whose destination is
dead changes p50 or p99 by more than the limits below. A mirror that answers costs the
process the work of a second request, which is shown and has no limit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from time import perf_counter
from typing import Any

import _report
from _plots import Plot
from _report import Table
from _server import free_port, serving
from _slices import percentile

from meshlib import AsyncMeshClient, MeshClient

CALLS = 50
"""Of a slice."""
AT_ONCE = 8
NONE, REFUSED, SILENT, ANSWERS, CONTROL = (
    "no mirror",
    "nobody listens",
    "never answers",
    "answers",
    "no mirror, again",
)
DEAD = (REFUSED, SILENT)
MOST = {50: 1.10, 99: 1.25}
"""Of p50 and p99 with a dead mirror, as a share of the same without one."""

Latencies = dict[str, list[float]]
Run = Callable[[list[float]], None]
"""Makes the calls of a slice and appends the seconds of each."""


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """The URL of a server whose connections are accepted by the kernel, and by nobody else."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def configuration(url: str, mirror: str | None) -> dict[str, Any]:
    """A service at *url* whose calls are all copied to *mirror*."""
    route: dict[str, Any] = {"name": "all", "match": {"path": {"prefix": "/"}}}
    services: dict[str, Any] = {"users": {"endpoints": [url], "routes": [route]}}
    if mirror is not None:
        route["mirror"] = {"service": "next"}
        services["next"] = {"endpoints": [mirror]}
    return {"services": services}


class Measuring:
    """The variants in turns, and what came of them."""

    def __init__(self, rounds: int, seconds: float) -> None:
        self.rounds = rounds
        self.seconds = seconds
        self.result: dict[str, Any] = {"failures": []}

    def turns(self, title: str, runs: dict[str, Run], meshes: dict[str, Any]) -> None:
        """Run the slices in turns, forwards and backwards, and compare them."""
        latencies: Latencies = {name: [] for name in runs}
        for run in runs.values():
            run([])  # what is made on the first call is no part of it
        names = list(runs)
        until = perf_counter() + self.seconds
        turns = 0
        for turn in range(self.rounds):
            first = turn % len(names)
            order = names[first:] + names[:first]
            for name in (*order, *reversed(order)):
                try:
                    runs[name](latencies[name])
                except Exception as exc:
                    self.result["failures"].append(f"{title}, {name}: {exc!r}")
            turns += 1
            if turn > 0 and perf_counter() > until:
                break
        self._keep(title, turns, latencies, meshes)

    def _keep(self, title: str, turns: int, latencies: Latencies, meshes: dict[str, Any]) -> None:
        without = latencies[NONE] + latencies[CONTROL]
        base = {share: percentile(without, share) for share in MOST}
        kept = {}
        for name, values in latencies.items():
            found = {share: percentile(values, share) for share in MOST}
            counts = meshes[name].mesh.mirroring.counts().get("users", {}).get("all/next")
            told = "-"
            if counts is not None:
                told = f"{counts.sent} sent, {counts.failed} failed"
                told += "".join(f", {n} {why}" for why, n in sorted(counts.dropped.items()))
            kept[name] = {
                "turns": turns,
                "calls": len(values),
                "seconds": {str(share): found[share] for share in MOST},
                "ratios": {str(share): found[share] / base[share] for share in MOST},
                "copies": told,
            }
        self.result[title] = kept

    def blocking(self, url: str, mirrors: dict[str, str | None]) -> None:
        """`MeshClient`, one call after another."""
        with ExitStack() as stack:
            clients = {
                name: stack.enter_context(MeshClient("shop", config=configuration(url, mirror)))
                for name, mirror in mirrors.items()
            }

            def run_of(client: MeshClient) -> Run:
                def run(latencies: list[float]) -> None:
                    for _ in range(CALLS):
                        began = perf_counter()
                        client.get("http://users/api/users/1").raise_for_status()
                        latencies.append(perf_counter() - began)

                return run

            runs = {name: run_of(client) for name, client in clients.items()}
            self.turns("sync, 1 at once", runs, clients)

    def awaiting(self, url: str, mirrors: dict[str, str | None]) -> None:
        """`AsyncMeshClient`, several calls at once."""
        loop = asyncio.new_event_loop()
        stack = AsyncExitStack()

        def run_of(client: AsyncMeshClient) -> Run:
            async def worker(latencies: list[float]) -> None:
                for _ in range(CALLS // AT_ONCE):
                    began = perf_counter()
                    (await client.get("http://users/api/users/1")).raise_for_status()
                    latencies.append(perf_counter() - began)

            async def together(latencies: list[float]) -> None:
                await asyncio.gather(*(worker(latencies) for _ in range(AT_ONCE)))

            return lambda latencies: loop.run_until_complete(together(latencies))

        async def enter() -> dict[str, AsyncMeshClient]:
            return {
                name: await stack.enter_async_context(
                    AsyncMeshClient("shop", config=configuration(url, mirror))
                )
                for name, mirror in mirrors.items()
            }

        try:
            clients = loop.run_until_complete(enter())
            runs = {name: run_of(client) for name, client in clients.items()}
            self.turns(f"async, {AT_ONCE} at once", runs, clients)
        finally:
            loop.run_until_complete(stack.aclose())
            loop.close()


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=200, help="turns at most (%(default)s)")
    parser.add_argument("--seconds", type=float, help="of each, or 2 turns (15; quick: 2)")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    seconds = given.seconds if given.seconds is not None else 2.0 if given.quick else 15.0
    with serving() as (url, what), black_hole() as silent:
        mirrors = {
            NONE: None,
            REFUSED: f"http://127.0.0.1:{free_port()}",
            SILENT: silent,
            ANSWERS: url,
            CONTROL: None,
        }
        measuring = Measuring(given.rounds, seconds)
        measuring.blocking(url, mirrors)
        measuring.awaiting(url, mirrors)
    return {"server": what, **measuring.result}


def compared(result: dict[str, Any]) -> dict[str, Any]:
    """The variants of each comparison, by its title."""
    return {title: kept for title, kept in result.items() if isinstance(kept, dict)}


def tables(result: dict[str, Any]) -> list[Table]:
    found: list[Table] = []
    head = ("mirror", "calls", "p50, ms", "ratio", "p99, ms", "ratio", "copies")
    for title, kept in compared(result).items():
        rows = []
        for name, it in kept.items():
            pairs = [(it["seconds"][share], it["ratios"][share]) for share in map(str, MOST)]
            cells = [cell for took, of in pairs for cell in (f"{took * 1e3:.2f}", f"{of:.2f}")]
            rows.append((name, str(it["calls"]), *cells, it["copies"]))
        turns = kept[NONE]["turns"]
        about = f"{turns} turns of 2 x {CALLS} calls to {result['server']}"
        found.append((f"{title}; {about}", head, rows))
    return found


def plots(result: dict[str, Any]) -> list[Plot]:
    names = {float(place): name for place, name in enumerate((NONE, REFUSED, SILENT, ANSWERS))}
    series = {
        f"{title}, p{share}": [(x, kept[name]["ratios"][share]) for x, name in names.items()]
        for title, kept in compared(result).items()
        for share in map(str, MOST)
    }
    title = "Latency of calls that are mirrored"
    return [Plot("mirroring", title, "", "of no mirror", series, kind="bar", ticks=names)]


def broken(result: dict[str, Any]) -> list[str]:
    return result["failures"] + [
        f"{title}, {name}: p{share} is {kept[name]['ratios'][str(share)]:.2f} times that without a"
        f" mirror, above {limit}"
        for title, kept in compared(result).items()
        for name in DEAD
        for share, limit in MOST.items()
        if kept[name]["ratios"][str(share)] > limit
    ]


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
