"""
A whole request on the loopback address: CPU time and requests per second.

The asynchronous client of the mesh at 1, 16, 64 and 256 requests at once, the blocking one
at 1, each beside httpx, httpx with httpx-retries, httpx2 and aiohttp, with limits as large
as the concurrency. Then the mesh alone, with 3 and with 300 endpoints that each hold an
idle connection: what a request costs must not depend on them.

    python benchmarks/wire.py [--seconds N] [--rounds N] [--concurrency N ...]
                              [--json PATH] [--check]

CPU time is that of this process; the server is another one. `--check` fails, with exit
code 1, when the mesh costs more than the limits below allow, relative to httpx.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import importlib.util
import statistics
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from time import perf_counter
from typing import Any

import httpx
from _server import serving
from _slices import (
    CONTROL,
    Samples,
    Slice,
    cpu,
    least,
    ratio,
    table,
    take_turns,
    verdict,
    write_json,
)

from meshlib import AsyncMeshClient, MeshClient

CONCURRENCY = (1, 16, 64, 256)
MOST_OF_HTTPX = {"async, 1 at once": 0.75, "async, 64 at once": 0.1, "sync, 1 at once": 0.9}
"""CPU time of a request through the mesh, as a share of the same through httpx."""
MOST_OF_FEW = 1.1
"""CPU time of a request with 300 endpoints, as a share of the same with 3."""

FEW, MANY = 3, 300
LASTING = 600.0
"""Seconds that an idle connection is kept: longer than any measurement."""

Get = Callable[[], Awaitable[Any]]


class Walls(list[float]):
    """Seconds of wall clock for each call, slice by slice."""

    def rate(self) -> float:
        """Requests per second of the median slice, less the first, which opens connections."""
        return 1.0 / statistics.median(self[1:])


@functools.cache
def installed(*names: str) -> list[str]:
    """Which of the libraries beside httpx can be measured."""
    found = [name for name in names if importlib.util.find_spec(name) is not None]
    for name in names:
        if name not in found:
            print(f"{name} is not installed: left out")
    return found


async def getters(stack: AsyncExitStack, url: str, concurrency: int) -> dict[str, Get]:
    """One asynchronous GET of *url* for each library; *stack* closes their clients."""
    numbers = {"max_connections": concurrency, "max_keepalive_connections": concurrency}
    limits = httpx.Limits(**numbers, keepalive_expiry=LASTING)
    mesh = await stack.enter_async_context(
        AsyncMeshClient("checkout", services={"users": [url]}, limits=limits)
    )
    plain = await stack.enter_async_context(httpx.AsyncClient(limits=limits))
    found: dict[str, Get] = {
        "meshlib": lambda: mesh.get("http://users/api/users/1"),
        "httpx": lambda: plain.get(f"{url}/api/users/1"),
    }
    found[CONTROL] = found["meshlib"]
    others = installed("httpx_retries", "httpx2", "aiohttp")
    if "httpx_retries" in others:
        import httpx_retries

        inner = httpx.AsyncHTTPTransport(limits=limits)
        retrying = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx_retries.RetryTransport(transport=inner))
        )
        found["httpx, httpx-retries"] = lambda: retrying.get(f"{url}/api/users/1")
    if "httpx2" in others:
        import httpx2

        second = await stack.enter_async_context(
            httpx2.AsyncClient(limits=httpx2.Limits(**numbers, keepalive_expiry=LASTING))
        )
        found["httpx2"] = lambda: second.get(f"{url}/api/users/1")
    if "aiohttp" in others:
        import aiohttp

        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency))
        )

        async def get() -> None:
            async with session.get(f"{url}/api/users/1") as response:
                await response.read()

        found["aiohttp"] = get
    return found


def blocking_getters(stack: ExitStack, url: str) -> dict[str, Callable[[], Any]]:
    """One blocking GET of *url* for each library; *stack* closes their clients."""
    mesh = stack.enter_context(MeshClient("checkout", services={"users": [url]}))
    plain = stack.enter_context(httpx.Client())
    found: dict[str, Callable[[], Any]] = {
        "meshlib": lambda: mesh.get("http://users/api/users/1"),
        "httpx": lambda: plain.get(f"{url}/api/users/1"),
    }
    found[CONTROL] = found["meshlib"]
    others = installed("httpx_retries", "httpx2")
    if "httpx_retries" in others:
        import httpx_retries

        retrying = stack.enter_context(httpx.Client(transport=httpx_retries.RetryTransport()))
        found["httpx, httpx-retries"] = lambda: retrying.get(f"{url}/api/users/1")
    if "httpx2" in others:
        import httpx2

        second = stack.enter_context(httpx2.Client())
        found["httpx2"] = lambda: second.get(f"{url}/api/users/1")
    return found


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

    def __init__(self, rounds: int, seconds: float) -> None:
        self.rounds = rounds
        self.seconds = seconds
        self.loop = asyncio.new_event_loop()
        self.result: dict[str, Any] = {}
        self.failures: list[str] = []

    def awaiting(self, url: str, concurrency: int) -> None:
        """The asynchronous clients, *concurrency* requests at once."""
        stack = AsyncExitStack()
        try:
            found = self.loop.run_until_complete(getters(stack, url, concurrency))
            walls = {name: Walls() for name in found}
            calls = max(50 // concurrency, 1) * concurrency
            slices = {
                name: slice_of(self.loop, get, concurrency, calls, walls[name])
                for name, get in found.items()
            }
            self._compare(f"async, {concurrency} at once", slices, walls, calls)
        finally:
            self.loop.run_until_complete(stack.aclose())

    def blocking(self, url: str) -> None:
        """The blocking clients, one request after another."""
        with ExitStack() as stack:
            found = blocking_getters(stack, url)
            walls = {name: Walls() for name in found}
            slices = {name: blocking_slice_of(get, 50, walls[name]) for name, get in found.items()}
            self._compare("sync, 1 at once", slices, walls, 50)

    def endpoints(self, url: str) -> None:
        """The mesh with few and with many endpoints, each with an idle connection."""
        stack = AsyncExitStack()
        try:
            few = self.loop.run_until_complete(self._warm(stack, url, FEW))
            many = self.loop.run_until_complete(self._warm(stack, url, MANY))
            found = {f"{FEW} endpoints": few, f"{MANY} endpoints": many, CONTROL: few}
            walls = {name: Walls() for name in found}
            slices = {
                name: slice_of(self.loop, get, 1, 50, walls[name]) for name, get in found.items()
            }
            samples = take_turns(slices, rounds=self.rounds, seconds=self.seconds)
        finally:
            self.loop.run_until_complete(stack.aclose())
        share = ratio(samples, f"{MANY} endpoints", f"{FEW} endpoints")
        self._show("async, 1 at once, idle connections", samples, walls, f"{FEW} endpoints", 50)
        if share > MOST_OF_FEW:
            self.failures.append(
                f"{MANY} endpoints: {share:.2f} of what {FEW} cost, above {MOST_OF_FEW}"
            )

    @staticmethod
    async def _warm(stack: AsyncExitStack, url: str, count: int) -> Get:
        # A prefix makes an endpoint of its own, with its own connections, of the same server.
        service = {
            "endpoints": [f"{url}/replica-{number}" for number in range(count)],
            "balancer": "round_robin",
        }
        limits = httpx.Limits(keepalive_expiry=LASTING)
        mesh = await stack.enter_async_context(
            AsyncMeshClient("checkout", services={"users": service}, limits=limits)
        )
        for _ in range(count):
            await mesh.get("http://users/api/users/1")
        return lambda: mesh.get("http://users/api/users/1")

    def _compare(
        self, title: str, slices: dict[str, Slice], walls: dict[str, Walls], calls: int
    ) -> None:
        samples = take_turns(slices, rounds=self.rounds, seconds=self.seconds)
        share = self._show(title, samples, walls, "httpx", calls)
        limit = MOST_OF_HTTPX.get(title)
        if limit is not None and share > limit:
            self.failures.append(f"{title}: {share:.3f} of what httpx costs, above {limit}")

    def _show(
        self, title: str, samples: Samples, walls: dict[str, Walls], base: str, calls: int
    ) -> float:
        """Print one comparison and keep it; the first variant's ratio to *base*."""
        first, *_ = samples
        rows, kept = [], {}
        for name in samples:
            if name == CONTROL:
                continue
            share = ratio(samples, name, base)
            cost, rate = least(samples, name), walls[name].rate()
            kept[name] = {"cpu": cost, "per_second": rate, f"of_{base}": share}
            rows.append((name, f"{cost:.0f}", f"{rate:.0f}", f"{share:.3f}"))
        control = ratio(samples, CONTROL, first)
        turns = len(samples[first])
        print(f"\n{title}; {turns} turns of 2 x {calls} requests")
        print(table(("", "CPU, µs", "requests/s", f"of {base}"), rows))
        print(f"control: {first} against itself is {control:.3f}", flush=True)
        self.result[title] = {"turns": turns, "control": control, "variants": kept}
        return ratio(samples, first, base)


def main() -> int:
    """Measure and print; see the module."""
    parser = argparse.ArgumentParser(description="A whole request on the loopback address.")
    parser.add_argument("--rounds", type=int, default=100, help="turns at most (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="of a comparison, or 2 turns (%(default)s)"
    )
    parser.add_argument(
        "--concurrency", type=int, nargs="+", default=CONCURRENCY, help="requests at once"
    )
    parser.add_argument("--json", metavar="PATH", help="write the figures there too")
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    arguments = parser.parse_args()
    with serving() as (url, what):
        print(f"server: {what}")
        measuring = Measuring(arguments.rounds, arguments.seconds)
        for concurrency in arguments.concurrency:
            measuring.awaiting(url, concurrency)
        measuring.blocking(url)
        measuring.endpoints(url)
        measuring.loop.close()
    write_json(arguments.json, measuring.result)
    return verdict(measuring.failures if arguments.check else [])


if __name__ == "__main__":
    sys.exit(main())
