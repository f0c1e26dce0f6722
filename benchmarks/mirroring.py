"""
What mirroring does to the calls that are copied: success, and latency at p50 and p99.

Calls to one service by clients that differ in nothing but their mirror, which takes every
call: none at all, one to a port where nobody listens, one to a server that accepts and
never answers, and one that answers. They take turns of a few milliseconds in one process,
so that a neighbour of the machine hits all of them alike.

    python benchmarks/mirroring.py [--seconds N] [--rounds N] [--json PATH] [--check]

`--check` fails, with exit code 1, when a call fails, or when a mirror whose destination is
dead changes p50 or p99 by more than the limits below. A mirror that answers costs the
process the work of a second request, which is shown and has no limit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from time import perf_counter
from typing import Any

from _server import free_port, serving
from _slices import table, verdict, write_json

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


def percentile(latencies: list[float], share: float) -> float:
    """The nearest rank, in seconds."""
    ordered = sorted(latencies)
    return ordered[max(math.ceil(len(ordered) * share / 100) - 1, 0)]


class Measuring:
    """The variants in turns, and what came of them."""

    def __init__(self, rounds: int, seconds: float) -> None:
        self.rounds = rounds
        self.seconds = seconds
        self.failures: list[str] = []
        self.result: dict[str, Any] = {}

    def turns(self, title: str, runs: dict[str, Run], meshes: dict[str, Any]) -> None:
        """Run the slices in turns, forwards and backwards, and compare them."""
        latencies: Latencies = {name: [] for name in runs}
        failed = dict.fromkeys(runs, 0)
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
                    failed[name] += 1
                    self.failures.append(f"{title}, {name}: {exc!r}")
            turns += 1
            if turn > 0 and perf_counter() > until:
                break
        self._show(title, turns, latencies, meshes)

    def _show(self, title: str, turns: int, latencies: Latencies, meshes: dict[str, Any]) -> None:
        without = latencies[NONE] + latencies[CONTROL]
        base = {share: percentile(without, share) for share in MOST}
        rows, kept = [], {}
        for name, values in latencies.items():
            found = {share: percentile(values, share) for share in MOST}
            ratios = {share: found[share] / base[share] for share in MOST}
            counts = meshes[name].mesh.mirroring.counts().get("users", {}).get("all/next")
            told = "-"
            if counts is not None:
                told = f"{counts.sent} sent, {counts.failed} failed"
                told += "".join(f", {n} {why}" for why, n in sorted(counts.dropped.items()))
            cells = [cell for share in MOST for cell in
                     (f"{found[share] * 1e3:.2f}", f"{ratios[share]:.2f}")]  # fmt: skip
            rows.append((name, str(len(values)), *cells, told))
            kept[name] = {"calls": len(values), "seconds": found, "ratios": ratios}
            if name in DEAD:
                self.failures += [
                    f"{title}, {name}: p{share} is {ratios[share]:.2f} times that without a"
                    f" mirror, above {limit}"
                    for share, limit in MOST.items()
                    if ratios[share] > limit
                ]
        head = ("mirror", "calls", "p50, ms", "ratio", "p99, ms", "ratio", "copies")
        print(f"\n{title}; {turns} turns of 2 x {CALLS} calls")
        print(table(head, rows), flush=True)
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


def main() -> int:
    """Measure and print; see the module."""
    parser = argparse.ArgumentParser(description="What mirroring does to calls.")
    parser.add_argument("--rounds", type=int, default=200, help="turns at most (%(default)s)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each (%(default)s)")
    parser.add_argument("--json", metavar="PATH", help="write the figures there too")
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    arguments = parser.parse_args()
    with serving() as (url, what), black_hole() as silent:
        print(f"server: {what}")
        mirrors = {
            NONE: None,
            REFUSED: f"http://127.0.0.1:{free_port()}",
            SILENT: silent,
            ANSWERS: url,
            CONTROL: None,
        }
        measuring = Measuring(arguments.rounds, arguments.seconds)
        measuring.blocking(url, mirrors)
        measuring.awaiting(url, mirrors)
    write_json(arguments.json, measuring.result)
    return verdict(measuring.failures if arguments.check else [])


if __name__ == "__main__":
    sys.exit(main())
