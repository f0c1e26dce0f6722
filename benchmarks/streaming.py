"""
Long bodies: what 100 MB cost through the mesh, as a ratio to the transport without it.

Downloads are read chunk by chunk, uploads are made by a generator of 64 KiB pieces. Each
client of the mesh is compared with a plain one of httpx: its own connections with those of
httpx, and a transport given to it with the same transport bare, blocking and asynchronous.

    python benchmarks/streaming.py [--megabytes N] [--rounds N] [--seconds N]
                                   [--json PATH] [--quick] [--check]

`--check` fails, with exit code 1, when a body costs more CPU time of this process than
the limit below allows.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import _report
import httpx
from _body_server import serving_bodies
from _slices import CONTROL, Slice, cpu, least, ratio, take_turns
from _wire_clients import installed

from meshlib import AsyncMeshClient, MeshClient

MOST = 1.05
"""CPU time of a body through the mesh, as a multiple of the same without it."""
PIECE = b"x" * (64 * 1024)
TIMEOUT = 60.0

PAIRS = {
    "meshlib": "httpx",
    "meshlib over httpx": "httpx",
    "meshlib over aiohttp": "aiohttp",
}
"""What is compared with what."""


def pieces(size: int) -> Iterator[bytes]:
    """A body of *size* bytes."""
    for _ in range(size // len(PIECE)):
        yield PIECE


async def pieces_async(size: int) -> AsyncIterator[bytes]:
    """The same, for asynchronous clients."""
    for _ in range(size // len(PIECE)):
        yield PIECE


def blocking(stack: ExitStack, url: str) -> dict[str, tuple[Any, str]]:
    """By name: a client, and the URL it knows the server by."""
    options: dict[str, Any] = {"services": {"users": [url]}, "timeout": TIMEOUT}
    clients = {
        "meshlib": (MeshClient("bench", **options), "http://users"),
        "meshlib over httpx": (
            MeshClient("bench", transport=httpx.HTTPTransport(), **options),
            "http://users",
        ),
        "httpx": (httpx.Client(timeout=TIMEOUT), url),
    }
    for client, _ in clients.values():
        stack.enter_context(client)
    return clients


async def suspending(stack: AsyncExitStack, url: str) -> dict[str, tuple[Any, str]]:
    """The same, of asynchronous clients."""
    options: dict[str, Any] = {"services": {"users": [url]}, "timeout": TIMEOUT}
    clients = {
        "meshlib": (AsyncMeshClient("bench", **options), "http://users"),
        "meshlib over httpx": (
            AsyncMeshClient("bench", transport=httpx.AsyncHTTPTransport(), **options),
            "http://users",
        ),
        "httpx": (httpx.AsyncClient(timeout=TIMEOUT), url),
    }
    if all(map(installed, ("aiohttp", "httpx_aiohttp"))):
        from meshlib.inner.aiohttp import AiohttpTransport

        clients["meshlib over aiohttp"] = (
            AsyncMeshClient("bench", transport=AiohttpTransport(), **options),
            "http://users",
        )
        clients["aiohttp"] = (
            httpx.AsyncClient(transport=AiohttpTransport(), timeout=TIMEOUT),
            url,
        )
    for client, _ in clients.values():
        await stack.enter_async_context(client)
    return clients


def download(client: Any, url: str, size: int) -> None:
    """Read *size* bytes."""
    with client.stream("GET", f"{url}/{size}") as response:
        came = sum(map(len, response.iter_raw()))
    assert came == size


def upload(client: Any, url: str, size: int) -> None:
    """Send *size* bytes."""
    assert client.post(url + "/", content=pieces(size)).status_code == 200


async def download_async(client: Any, url: str, size: int) -> None:
    """Read *size* bytes."""
    came = 0
    async with client.stream("GET", f"{url}/{size}") as response:
        async for chunk in response.aiter_raw():
            came += len(chunk)
    assert came == size


async def upload_async(client: Any, url: str, size: int) -> None:
    """Send *size* bytes."""
    response = await client.post(url + "/", content=pieces_async(size))
    assert response.status_code == 200


def compared(slices: dict[str, Slice], arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of one direction."""
    slices[CONTROL] = slices["meshlib"]
    samples = take_turns(slices, rounds=arguments.rounds, seconds=arguments.seconds)
    return {
        "turns": len(samples["meshlib"]),
        "control": ratio(samples, CONTROL, "meshlib"),
        "milliseconds": {name: least(samples, name) / 1e3 for name in samples if name != CONTROL},
        "ratios": {
            f"{name} / {other}": ratio(samples, name, other)
            for name, other in PAIRS.items()
            if name in samples
        },
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of every direction, by its title."""
    size = (2 if options.quick else options.megabytes) * 1024 * 1024
    if options.quick:
        options.rounds, options.seconds = 2, 0.0
    result: dict[str, Any] = {}

    def slices_of(clients: Any, make: Callable[[Any, str], Any]) -> dict[str, Slice]:
        return {name: cpu(make(*client), 1) for name, client in clients.items()}

    with serving_bodies() as url:
        with ExitStack() as stack:
            clients = blocking(stack, url)
            for title, work in (("download", download), ("upload", upload)):
                slices = slices_of(clients, lambda c, u, w=work: lambda _: w(c, u, size))
                result[f"sync, {title}"] = compared(slices, options)
        loop = asyncio.new_event_loop()
        tasks = AsyncExitStack()
        try:
            clients = loop.run_until_complete(suspending(tasks, url))
            run = loop.run_until_complete
            for title, job in (("download", download_async), ("upload", upload_async)):
                slices = slices_of(clients, lambda c, u, w=job: lambda _: run(w(c, u, size)))
                result[f"async, {title}"] = compared(slices, options)
        finally:
            loop.run_until_complete(tasks.aclose())
            loop.close()
    return {"megabytes": size // 1024 // 1024, **result}


def directions(result: dict[str, Any]) -> dict[str, Any]:
    """What of *result* was measured."""
    return {title: kept for title, kept in result.items() if isinstance(kept, dict)}


def broken(result: dict[str, Any]) -> list[str]:
    """Each limit that *result* breaks."""
    return [
        f"{title}: {pair} is {share:.3f}, above {MOST}"
        for title, kept in directions(result).items()
        for pair, share in kept["ratios"].items()
        if share > MOST
    ]


def tables(result: dict[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """A table for each direction: its title, its head, its rows."""
    found = []
    for title, kept in directions(result).items():
        shares = {pair.partition(" / ")[0]: share for pair, share in kept["ratios"].items()}
        rows = [
            (
                name,
                f"{cost:.0f}",
                f"{shares[name]:.3f} of {PAIRS[name]}" if name in shares else "",
            )
            for name, cost in kept["milliseconds"].items()
        ]
        caption = (
            f"{title} of {result['megabytes']} MB; {kept['turns']} turns of 2, "
            f"control {kept['control']:.3f}"
        )
        found.append((caption, ("", "CPU, ms", "ratio"), rows))
    return found


def plots(_: dict[str, Any]) -> list[Any]:
    """Nothing that a curve would show."""
    return []


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=20, help="turns at most (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=15.0, help="of a direction, or 2 turns (%(default)s)"
    )


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
