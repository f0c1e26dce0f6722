"""
The same GET of each way, in slices that note the processor time of everybody who took part.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from time import perf_counter, process_time
from types import ModuleType
from typing import Any

from _processes import cpu_of
from _sidecar_proxies import MESH, Proxy
from _slices import CONTROL, Slice

from meshlib import MeshTransport

DIRECT, ENVOY, HAPROXY = "direct", "through Envoy", "through HAProxy"
INSIDE, AS_TRANSPORT = "meshlib", "meshlib, as a transport"
AIOHTTP = "aiohttp through Envoy"
"""For who would change the client and keep the proxy."""
OVER_AIOHTTP = "meshlib over aiohttp"
_INNER = {"httpx": "meshlib.inner.aiohttp", "httpx2": "meshlib.inner.aiohttp.httpx2"}
PATH = "/api/users/1"
IDLE = 600.0
"""Seconds that an idle connection is kept: longer than any measurement."""

Get = Callable[[], Any]
AsyncGet = Callable[[], Awaitable[Any]]


class Way:
    """One way of sending, and what its slices have cost."""

    def __init__(self, pid: int | None) -> None:
        self.pid = pid
        """The proxy's process, if there is one."""
        self.client: list[float] = []
        """Seconds of CPU for a request in this process, slice by slice."""
        self.proxy: list[float] = []
        self.latencies: list[list[float]] = []

    def slice_of(self, run: Callable[[list[float]], None], calls: int) -> Slice:
        """*calls* requests; what one costs this process and the proxy together."""

        def measured() -> float:
            taken: list[float] = []
            began_proxy = cpu_of(self.pid) if self.pid is not None else 0.0
            began = process_time()
            run(taken)
            self.client.append((process_time() - began) / calls)
            if self.pid is not None:
                time.sleep(0.001)  # until the proxy waits again
                self.proxy.append((cpu_of(self.pid) - began_proxy) / calls)
            else:
                self.proxy.append(0.0)
            self.latencies.append(taken)
            return self.client[-1] + self.proxy[-1]

        return measured


def ways(proxies: Mapping[str, Proxy], *more: str) -> dict[str, Way]:
    """Each way by its name, the mesh first and *more* last; the control is the mesh again."""
    names = [INSIDE, DIRECT, *proxies, *more, CONTROL]
    through = {**proxies, AIOHTTP: proxies.get(ENVOY)}
    pids = {name: proxy.pid for name, proxy in through.items() if proxy is not None}
    return {name: Way(pids.get(name)) for name in names if name != AIOHTTP or name in pids}


def more_async(library: ModuleType) -> list[str]:
    """The ways that only awaited clients have, as far as they are installed."""
    try:
        importlib.import_module("aiohttp")
        importlib.import_module(_INNER[library.__name__])
    except ModuleNotFoundError as exc:
        return [] if exc.name == "aiohttp" else [AIOHTTP]
    return [AIOHTTP, OVER_AIOHTTP]


def service(upstreams: list[str]) -> dict[str, Any]:
    """The mesh's settings, equal to those of the proxies."""
    return {"users": {"endpoints": upstreams, **MESH}}


def limits_of(library: ModuleType, concurrency: int) -> Any:
    """As many connections as requests at once."""
    return library.Limits(
        max_connections=concurrency,
        max_keepalive_connections=concurrency,
        keepalive_expiry=IDLE,
    )


def blocking_slices(
    stack: ExitStack,
    library: ModuleType,
    mesh: ModuleType,
    upstreams: list[str],
    proxies: Mapping[str, Proxy],
    found: Mapping[str, Way],
    calls: int,
) -> dict[str, Slice]:
    """One request after another; *stack* closes the clients."""
    limits = limits_of(library, 1)

    def plain(url: str) -> Get:
        client = stack.enter_context(library.Client(limits=limits))
        return lambda: client.get(url + PATH)

    inside = stack.enter_context(mesh.MeshClient("bench", services=service(upstreams)))
    gets: dict[str, Get] = {
        INSIDE: lambda: inside.get("http://users" + PATH),
        DIRECT: plain(upstreams[0]),
        **{name: plain(proxy.url) for name, proxy in proxies.items()},
    }
    if AS_TRANSPORT in found:
        transport = MeshTransport(services=service(upstreams))
        outside = stack.enter_context(library.Client(transport=transport))
        gets[AS_TRANSPORT] = lambda: outside.get("http://users" + PATH)
    gets[CONTROL] = gets[INSIDE]
    return {name: way.slice_of(_blocking(gets[name], calls), calls) for name, way in found.items()}


def _blocking(get: Get, calls: int) -> Callable[[list[float]], None]:
    def run(taken: list[float]) -> None:
        for _ in range(calls):
            began = perf_counter()
            get()
            taken.append(perf_counter() - began)

    return run


async def async_gets(
    stack: AsyncExitStack,
    library: ModuleType,
    mesh: ModuleType,
    upstreams: list[str],
    proxies: Mapping[str, Proxy],
    found: Mapping[str, Way],
    concurrency: int,
) -> dict[str, AsyncGet]:
    """The same for clients that are awaited."""
    limits = limits_of(library, concurrency)

    async def plain(url: str) -> AsyncGet:
        client = await stack.enter_async_context(library.AsyncClient(limits=limits))
        return lambda: client.get(url + PATH)

    inside = await stack.enter_async_context(
        mesh.AsyncMeshClient("bench", services=service(upstreams), limits=limits)
    )
    gets: dict[str, AsyncGet] = {
        INSIDE: lambda: inside.get("http://users" + PATH),
        DIRECT: await plain(upstreams[0]),
        **{name: await plain(proxy.url) for name, proxy in proxies.items()},
    }
    if AIOHTTP in found:
        gets[AIOHTTP] = await _aiohttp_get(stack, proxies[ENVOY].url + PATH, concurrency)
    if OVER_AIOHTTP in found:
        inner = importlib.import_module(_INNER[library.__name__]).AiohttpTransport(limits=limits)
        over = await stack.enter_async_context(
            mesh.AsyncMeshClient("bench", services=service(upstreams), transport=inner)
        )
        gets[OVER_AIOHTTP] = lambda: over.get("http://users" + PATH)
    gets[CONTROL] = gets[INSIDE]
    return gets


async def _aiohttp_get(stack: AsyncExitStack, url: str, concurrency: int) -> AsyncGet:
    import aiohttp

    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency))
    )

    async def get() -> None:
        async with session.get(url) as response:
            await response.read()

    return get


def async_slices(
    loop: asyncio.AbstractEventLoop,
    gets: Mapping[str, AsyncGet],
    found: Mapping[str, Way],
    concurrency: int,
    calls: int,
) -> dict[str, Slice]:
    """*calls* requests a slice, *concurrency* at once."""

    async def worker(get: AsyncGet, taken: list[float]) -> None:
        for _ in range(calls // concurrency):
            began = perf_counter()
            await get()
            taken.append(perf_counter() - began)

    async def together(get: AsyncGet, taken: list[float]) -> None:
        await asyncio.gather(*(worker(get, taken) for _ in range(concurrency)))

    def runner(get: AsyncGet) -> Callable[[list[float]], None]:
        return lambda taken: loop.run_until_complete(together(get, taken))

    return {name: way.slice_of(runner(gets[name]), calls) for name, way in found.items()}
