"""
A whole request on the loopback address: CPU time and requests per second.

The asynchronous client of the mesh at 1, 16, 64 and 256 requests at once, the blocking one
at 1, over HTTP/1.1 and, where nginx is installed, over HTTP/2 with TLS; each beside httpx,
httpx2, httpx with httpx-retries and aiohttp, with limits as large as the concurrency. Then
the mesh alone, with 3 and with 1,000 endpoints that each hold an idle connection: what a
request costs must not depend on them.

    python benchmarks/wire.py [--seconds N] [--rounds N] [--concurrency N ...]
                              [--json PATH] [--quick] [--check]

CPU time is that of this process; the server is another one. `--check` fails, with exit
code 1, when the mesh costs more than the limits below allow.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from time import perf_counter
from typing import Any

import _report
from _server import serving
from _slices import (
    CONTROL,
    Samples,
    Slice,
    cpu,
    least,
    ratio,
    take_turns,
)
from _tls_server import serving_http2
from _wire_clients import Get, Site, blocking_getters, getters, warm

CONCURRENCY = (1, 16, 64, 256)
AHEAD_OF = {
    "meshlib": ("httpx", "httpx, httpx-retries", "httpx2"),
    "meshlib, httpx2": ("httpx", "httpx, httpx-retries", "httpx2"),
}
"""Whom each client of the mesh must not cost more than, at any concurrency."""
MOST_OF_AIOHTTP = {"meshlib": 2.5, "meshlib, httpx2": 2.0}
"""CPU time of a request at 64 at once, as a multiple of the same through bare aiohttp."""
MOST_OF_FEW = 1.1
"""CPU time of a request with many endpoints, as a share of the same with few."""
FEW, MANY = 3, 1000
IDLE = "async, 1 at once, idle connections"


class Walls(list[float]):
    """Seconds of wall clock for each call, slice by slice."""

    def rate(self) -> float:
        """Requests per second of the median slice, less the first, which opens connections."""
        return 1.0 / statistics.median(self[1:])


def slice_of(
    loop: asyncio.AbstractEventLoop, get: Get, concurrency: int, calls: int, walls: Walls
) -> Slice:
    """*calls* requests, *concurrency* at once."""

    async def worker(calls: int) -> None:
        for _ in range(calls):
            await get()

    async def run(calls: int) -> None:
        each = calls // concurrency
        await asyncio.gather(*(worker(each) for _ in range(concurrency)))

    def timed(calls: int) -> None:
        began = perf_counter()
        loop.run_until_complete(run(calls))
        walls.append((perf_counter() - began) / calls)

    return cpu(timed, calls)


def blocking_slice_of(get: Callable[[], Any], calls: int, walls: Walls) -> Slice:
    """*calls* requests, one after another."""

    def timed(calls: int) -> None:
        began = perf_counter()
        for _ in range(calls):
            get()
        walls.append((perf_counter() - began) / calls)

    return cpu(timed, calls)


class Measuring:
    """One comparison after another, on one event loop."""

    def __init__(self, rounds: int, seconds: float, calls: int) -> None:
        self.rounds = rounds
        self.calls = calls
        self.seconds = seconds
        self.loop = asyncio.new_event_loop()
        self.result: dict[str, Any] = {}

    def awaiting(self, title: str, site: Site) -> None:
        """The asynchronous clients."""
        stack = AsyncExitStack()
        try:
            found = self.loop.run_until_complete(getters(stack, site))
            calls = max(self.calls // site.concurrency, 1) * site.concurrency
            walls = {name: Walls() for name in (*found, CONTROL)}
            slices = {
                name: slice_of(self.loop, get, site.concurrency, calls, walls[name])
                for name, get in {**found, CONTROL: found["meshlib"]}.items()
            }
            self._keep(title, self._turns(slices), walls, calls)
        finally:
            self.loop.run_until_complete(stack.aclose())

    def blocking(self, title: str, site: Site) -> None:
        """The blocking clients, one request after another."""
        with ExitStack() as stack:
            found = blocking_getters(stack, site)
            walls = {name: Walls() for name in (*found, CONTROL)}
            slices = {
                name: blocking_slice_of(get, self.calls, walls[name])
                for name, get in {**found, CONTROL: found["meshlib"]}.items()
            }
            self._keep(title, self._turns(slices), walls, self.calls)

    def idle(self, url: str, count: int) -> None:
        """The mesh with few and with many endpoints, each with an idle connection."""
        stack = AsyncExitStack()
        try:
            few = self.loop.run_until_complete(warm(stack, url, FEW))
            many = self.loop.run_until_complete(warm(stack, url, count))
            found = {"many endpoints": many, "few endpoints": few, CONTROL: many}
            walls = {name: Walls() for name in found}
            slices = {
                name: slice_of(self.loop, get, 1, self.calls, walls[name])
                for name, get in found.items()
            }
            self._keep(IDLE, self._turns(slices), walls, self.calls)
        finally:
            self.loop.run_until_complete(stack.aclose())

    def _turns(self, slices: dict[str, Slice]) -> Samples:
        return take_turns(slices, rounds=self.rounds, seconds=self.seconds)

    def _keep(self, title: str, samples: Samples, walls: dict[str, Walls], calls: int) -> None:
        """The first variant's share of each other one, and what each costs."""
        first = next(iter(samples))
        variants = {
            name: {
                "cpu": least(samples, name),
                "per_second": walls[name].rate(),
                "of": {other: ratio(samples, name, other) for other in samples if other != CONTROL},
            }
            for name in samples
            if name != CONTROL
        }
        self.result[title] = {
            "turns": len(samples[first]),
            "calls": calls,
            "control": ratio(samples, CONTROL, first),
            "variants": variants,
        }
        print(f"{title}: {self.result[title]['turns']} turns", flush=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of every comparison, by its title."""
    rounds, seconds, calls = options.rounds, options.seconds, 50
    concurrency = options.concurrency or CONCURRENCY
    if options.quick:
        rounds, seconds, calls = 4, 0.0, 16
        concurrency = options.concurrency or CONCURRENCY[:2]
    measuring = Measuring(rounds, seconds, calls)
    try:
        with serving() as (url, what):
            measuring.result["server"] = what
            for number in concurrency:
                measuring.awaiting(f"async, {number} at once", Site(url, number))
            measuring.blocking("sync, 1 at once", Site(url, 1))
            measuring.idle(url, options.endpoints)
        with serving_http2() as secure:
            for number in concurrency if secure is not None else ():
                measuring.awaiting(f"HTTP/2, async, {number} at once", Site(*_with(secure, number)))
            if secure is not None:
                measuring.blocking("HTTP/2, sync, 1 at once", Site(*_with(secure, 1)))
    finally:
        measuring.loop.close()
    return measuring.result


def _with(secure: Any, concurrency: int) -> tuple[Any, ...]:
    url, *trust = secure
    return url, concurrency, *trust


def comparisons(result: dict[str, Any]) -> dict[str, Any]:
    """What of *result* compares clients, or endpoints."""
    return {title: kept for title, kept in result.items() if isinstance(kept, dict)}


def broken(result: dict[str, Any]) -> list[str]:
    """Each limit that *result* breaks."""
    found = []
    for title, kept in comparisons(result).items():
        for name, variant in kept["variants"].items():
            limits = dict.fromkeys(AHEAD_OF.get(name, ()), 1.0)
            if title == "async, 64 at once" and name in MOST_OF_AIOHTTP:
                limits["aiohttp"] = MOST_OF_AIOHTTP[name]
            if name == "many endpoints":
                limits["few endpoints"] = MOST_OF_FEW
            found += [
                f"{title}: {name} costs {variant['of'][other]:.3f} of {other}, above {limit}"
                for other, limit in limits.items()
                if variant["of"].get(other, 0.0) > limit
            ]
    return found


def tables(result: dict[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """A table for each comparison: its title, its head, its rows."""
    found = []
    for title, kept in comparisons(result).items():
        bases = [name for name in ("httpx", "aiohttp", "few endpoints") if name in kept["variants"]]
        head = ("", "CPU, µs", "requests/s", *(f"of {base}" for base in bases))
        rows = [
            (
                name,
                f"{one['cpu']:.0f}",
                f"{one['per_second']:.0f}",
                *(f"{one['of'][base]:.3f}" for base in bases),
            )
            for name, one in kept["variants"].items()
        ]
        caption = (
            f"{title}; {kept['turns']} turns of 2 x {kept['calls']} requests, "
            f"control {kept['control']:.3f}"
        )
        found.append((caption, head, rows))
    return found


def plots(result: dict[str, Any]) -> list[Any]:
    """CPU time of a request over the concurrency, for each protocol."""
    from _plots import Plot

    found = []
    for name, prefix, title in (
        ("wire", "async, ", "CPU time of a request, HTTP/1.1"),
        ("wire-http2", "HTTP/2, async, ", "CPU time of a request, HTTP/2 with TLS"),
    ):
        series: dict[str, list[tuple[float, float]]] = {}
        for key, kept in comparisons(result).items():
            if not key.startswith(prefix) or key == IDLE:
                continue
            number = float(key.removeprefix(prefix).split()[0])
            for variant, one in kept["variants"].items():
                series.setdefault(variant, []).append((number, one["cpu"]))
        if series:
            found.append(
                Plot(name=name, title=title, x="requests at once", y="µs", series=series, log=True)
            )
    return found


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--rounds", type=int, default=100, help="turns at most (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="of a comparison, or 2 turns (%(default)s)"
    )
    parser.add_argument("--concurrency", type=int, nargs="+", metavar="N", help="requests at once")
    parser.add_argument("--endpoints", type=int, default=MANY, help="idle ones (%(default)s)")


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
