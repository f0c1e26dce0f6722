"""
Three steady servers in a process of their own, and a client whose loop is blocked.

    python benchmarks/_lag_world.py      # the servers: prints their ports, ends with its input
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from meshlib import AsyncMeshClient, CircuitOpenError, Mesh
from meshlib.events import BreakerChanged, EndpointEjected, HedgeStarted, LoopStalled

LATENCY = 0.005
"""Seconds that a server takes."""
SERVERS = 3
TASKS = 12
"""Of each of the two services."""
PAUSE = 0.01
"""Seconds between two calls of a task: the loop has time left, but for what blocks it."""
STALL, PERIOD = 0.2, 1.0
"""Seconds for which the loop is blocked, and from one time to the next."""
TIMEOUT = 0.15
HEDGE = 0.05

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
"""On connections of their own, as behind many a load balancer: each call has several steps."""


async def serve() -> None:
    """Run the servers; one that is asked for /hang answers nothing any more."""

    def handler() -> Any:
        hangs = False

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal hangs
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                hangs = b" /hang " in await reader.readuntil(b"\r\n\r\n") or hangs
                await asyncio.sleep(3600.0 if hangs else LATENCY)
                writer.write(ANSWER)
            writer.close()

        return handle

    servers = [await asyncio.start_server(handler(), "127.0.0.1", 0) for _ in range(SERVERS)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def serving() -> Iterator[list[str]]:
    """The URLs of the servers, which end with the block."""
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield [f"http://127.0.0.1:{port}" for port in process.stdout.readline().split()]
    finally:
        process.terminate()
        process.wait(10)
        process.stdin.close()
        process.stdout.close()


@dataclass
class Seen:
    """What happened to the calls of one run."""

    ends: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    averages: list[float] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    line: list[tuple[float, float]] = field(default_factory=list)
    """Seconds, and the average latency of the first endpoint then, in milliseconds."""
    opened_after: float | None = None
    """Seconds until the breaker of the server that hangs opened."""


def document(urls: list[str], *, measured: bool) -> dict[str, Any]:
    """Two services on the same servers: one with a limit that adapts, one that hedges."""
    common = {"endpoints": urls, "attempt_timeout": TIMEOUT, "timeout": 2.0}
    adaptive = {"aimd": {"initial": 100, "window": 0.1, "window_size": 10}}
    return {
        "stalls": {} if measured else None,
        "services": {
            "plain": {**common, "bulkhead": {"adaptive": adaptive}},
            "hedged": {**common, "hedge": {"delay": HEDGE}},
        },
    }


async def run(
    urls: list[str], seconds: float, *, stalls: bool, measured: bool, hangs: bool = False
) -> Seen:
    """Call for *seconds*, while the loop is blocked now and then, or not."""
    seen, began = Seen(), time.perf_counter()

    def listen(event: Any) -> None:
        if isinstance(event, BreakerChanged) and event.new == "open":
            seen.events["opened"] += 1
            if event.endpoint.url == urls[-1] and seen.opened_after is None:
                seen.opened_after = time.perf_counter() - began
        elif isinstance(event, EndpointEjected):
            seen.events["ejected"] += 1
        elif isinstance(event, HedgeStarted):
            seen.events["hedges"] += 1
        elif isinstance(event, LoopStalled):
            seen.events["stalls"] += 1

    with Mesh("lag", config=document(urls, measured=measured), listeners=[listen]) as mesh:
        async with AsyncMeshClient(mesh=mesh, timeout=5.0) as client:
            if hangs:
                with contextlib.suppress(httpx.TransportError):
                    await client.get(f"{urls[-1]}/hang", timeout=0.05)
                began = time.perf_counter()
            until = began + seconds
            work = [
                _calls(client, name, seen, until, hangs) for name in ("plain", "hedged") * TASKS
            ]
            others = [_block(until, stalls), _watch(mesh, seen, began, until)]
            around = [asyncio.ensure_future(each) for each in others]
            await asyncio.gather(*work)
            for task in around:
                task.cancel()
            await asyncio.wait(around)
    return seen


async def _calls(
    client: AsyncMeshClient, service: str, seen: Seen, until: float, hangs: bool
) -> None:
    while time.perf_counter() < until and not (hangs and seen.opened_after is not None):
        try:
            await client.get(f"http://{service}/")
            seen.ends["ok"] += 1
        except CircuitOpenError:
            seen.ends["refused"] += 1
        except httpx.TransportError:
            seen.ends["failed"] += 1
        await asyncio.sleep(PAUSE)


async def _block(until: float, stalls: bool) -> None:
    while stalls and time.perf_counter() < until:
        await asyncio.sleep(PERIOD - STALL)
        time.sleep(STALL)  # noqa: ASYNC251 -- what a parser, a template, a driver of a database may do


async def _watch(mesh: Mesh, seen: Seen, began: float, until: float) -> None:
    services = [mesh.service(name) for name in ("plain", "hedged")]
    await asyncio.sleep(PERIOD / 2)
    while (now := time.perf_counter()) < until:
        averages = [t.load.latency(mesh.clock()) for s in services for t in s.targets]
        seen.averages += averages
        seen.limits.append(services[0].bulkhead.max_concurrency or 0)
        seen.line.append((now - began, averages[0] * 1e3))
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(serve())
