"""
What a call costs among many endpoints, among many services, and among many other calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from _scale_clients import Answering, Together, endpoints, requests_of, services_of
from _slices import CONTROL, Slice, cpu, least, ratio, take_turns

from meshlib import AsyncMeshClient, AsyncMeshTransport, MeshTransport

CALLS = 200
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=600.0)
NO_LIMIT = {"bulkhead": {"max_concurrency": 1_000_000}, "timeout": 60}


def flat(sizes: list[tuple[int, int]], seconds: float, rounds: int) -> dict[str, Any]:
    """
    Of calls that nothing really sends: CPU microseconds, and ratios to the first of *sizes*.

    A size is a number of services, and of the endpoints of each.
    """

    def make(services: int, each: int) -> MeshTransport:
        return MeshTransport(services=services_of(services, each), transport=Answering())

    return _compared(sizes, make, seconds, rounds)


def flat_over_sockets(sizes: list[tuple[int, int]], seconds: float, rounds: int) -> dict[str, Any]:
    """The same over connections that stay open, one at least to each endpoint of each service."""
    most = max(services * each for services, each in sizes)
    if descriptors() < sum(services * each for services, each in sizes) + 200:
        return {"left out": f"{most} connections need more descriptors than may be had"}
    with serving(most) as port:

        def make(services: int, each: int) -> MeshTransport:
            places = [f"http://127.0.0.1:{port}/{n}" for n in range(each)]
            said = {f"s{n}": {"endpoints": places} for n in range(services)}
            return MeshTransport(services=said, limits=LIMITS)

        return _compared(sizes, make, seconds, rounds)


def _compared(sizes: list[tuple[int, int]], make: Any, seconds: float, rounds: int) -> Any:
    slices: dict[str, Slice] = {}
    made = []
    for services, each in sizes:
        made.append(make(services, each))
        run = _caller(made[-1], requests_of(services))
        run(max(2 * services * each, 500))  # so that each endpoint has been called
        slices[name_of(services, each)] = cpu(run, CALLS)
    slices[CONTROL] = cpu(_caller(made[0], requests_of(sizes[0][0])), CALLS)
    gc.collect()
    gc.freeze()
    try:
        samples = take_turns(slices, rounds=rounds, seconds=seconds)
    finally:
        gc.unfreeze()
        for transport in made:
            transport.close()
    base = name_of(*sizes[0])
    return {
        name: {"us": least(samples, name), "ratio": ratio(samples, name, base)} for name in slices
    }


def name_of(services: int, each: int) -> str:
    """What the tables call a size."""
    return f"{services:,} x {each:,}"


def _caller(transport: Any, requests: list[Any]) -> Any:
    turn = itertools.cycle(requests)

    def run(calls: int) -> None:
        for _ in range(calls):
            transport.handle_request(next(turn)).read()

    return run


async def _in_process(transport: Any, request: Any, meeting: Together, count: int) -> None:
    async def call() -> None:
        response = await transport.handle_async_request(request)
        await response.aclose()

    tasks = [asyncio.ensure_future(call()) for _ in range(count)]
    await meeting.full.wait()
    meeting.there = 0
    meeting.answer.set()
    await asyncio.gather(*tasks)
    meeting.answer.clear()
    meeting.full.clear()


def in_flight(count: int, fewer: int) -> dict[str, float]:
    """Bytes for each of *count* calls at once, and what one costs beside one of *fewer*."""
    return asyncio.run(_in_flight(count, fewer))


async def _in_flight(count: int, fewer: int) -> dict[str, float]:
    meeting = Together(count)
    service = {"s0": {"endpoints": endpoints(100), **NO_LIMIT}}
    transport = AsyncMeshTransport(services=service, transport=meeting)
    request = requests_of(1)[0]
    costs: dict[int, list[float]] = {count: [], fewer: []}
    for turn in range(4):
        for size in (count, fewer):
            meeting.count = size
            gc.collect()
            began = time.process_time()
            for _ in range(count // size):
                await _in_process(transport, request, meeting, size)
            if turn:
                costs[size].append((time.process_time() - began) / (count // size * size))
    meeting.count = count
    gc.collect()
    tracemalloc.start()
    tasks = [asyncio.ensure_future(transport.handle_async_request(request)) for _ in range(count)]
    await meeting.full.wait()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    meeting.answer.set()
    for response in await asyncio.gather(*tasks):
        await response.aclose()
    left = sum(target.load.in_flight for target in transport.mesh.service("s0").targets)
    await transport.aclose()
    ratios = sorted(many / few for many, few in zip(costs[count], costs[fewer], strict=True))
    return {
        "bytes": held / count,
        "us": min(costs[count]) * 1e6,
        "us of fewer": min(costs[fewer]) * 1e6,
        "ratio": ratios[len(ratios) // 2],
        "left in flight": left,
    }


def descriptors() -> int:
    """How many this process may have open, once it has as many as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else sys.maxsize


def over_sockets(count: int, fewer: int) -> dict[str, Any]:
    """*count* calls at once over real connections to a server that holds them all."""
    if descriptors() < count + 200:
        return {"left out": f"{count} connections need more descriptors than may be had"}
    with serving(count) as port:
        return asyncio.run(_over_sockets(port, count, fewer))


async def _over_sockets(port: int, count: int, fewer: int) -> dict[str, Any]:
    services = {"s0": {"endpoints": f"http://127.0.0.1:{port}", **NO_LIMIT}}
    costs = {}
    async with AsyncMeshClient(services=services, limits=LIMITS, timeout=60.0) as client:
        for size in (count, fewer, count, fewer):
            # The server answers when so many requests are there.
            await client.get("http://s0/size", headers={"x-size": str(size)})
            statuses = []
            began = time.process_time()
            for _ in range(max(count // size, 1)):
                calls = (client.get("http://s0/") for _ in range(size))
                statuses += [answer.status_code for answer in await asyncio.gather(*calls)]
            costs[size] = (time.process_time() - began) / len(statuses)
            if set(statuses) != {200}:
                raise RuntimeError(f"some of {size} calls were answered {set(statuses)}")
    return {
        "us": costs[count] * 1e6,
        "us of fewer": costs[fewer] * 1e6,
        "ratio": costs[count] / costs[fewer],
    }


@contextlib.contextmanager
def serving(backlog: int) -> Iterator[int]:
    """Run the server of `_scale_server.py`; gives its port."""
    program = str(Path(__file__).with_name("_scale_server.py"))
    server = subprocess.Popen(
        [sys.executable, program, str(backlog)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.terminate()
        server.wait(10)
