"""
The clients that `wire.py` compares: one GET of each library, ready to be called.

Every client may hold as many connections as there are requests at once, and keeps them.
A library that is not installed is left out, and said so once.
"""

from __future__ import annotations

import functools
import importlib.util
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from meshlib import AsyncMeshClient, MeshClient

LASTING = 600.0
"""Seconds that an idle connection is kept: longer than any measurement."""
PATH = "/api/users/1"
SERVICE = f"http://users{PATH}"

Get = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Site:
    """What is asked, by how many at once, and how."""

    url: str
    concurrency: int
    context: ssl.SSLContext | None = None
    """What trusts the server, which then speaks HTTP/2."""
    authority: bytes | None = None
    """The same as the certificate of its authority."""

    @property
    def http2(self) -> bool:
        """Whether all of it is to run over HTTP/2."""
        return self.context is not None

    @property
    def limits(self) -> dict[str, Any]:
        """The limits of a pool of connections."""
        return {
            "max_connections": self.concurrency,
            "max_keepalive_connections": self.concurrency,
            "keepalive_expiry": LASTING,
        }

    def options(self, library: Any) -> dict[str, Any]:
        """What a transport of httpx, or of httpx2, takes."""
        secure = {} if self.context is None else {"verify": self.context}
        return {"limits": library.Limits(**self.limits), "http2": self.http2, **secure}


@functools.cache
def installed(name: str) -> bool:
    """Whether *name* can be imported; says so once if it cannot."""
    try:
        found = importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        print(f"{name} is not installed: left out")
    return found


async def _meshlib(stack: AsyncExitStack, site: Site) -> Get:
    client = await stack.enter_async_context(
        AsyncMeshClient("checkout", services={"users": [site.url]}, **site.options(httpx))
    )
    return lambda: client.get(SERVICE)


async def _meshlib_on_httpx2(stack: AsyncExitStack, site: Site) -> Get:
    import httpx2

    import meshlib.httpx2

    client = await stack.enter_async_context(
        meshlib.httpx2.AsyncMeshClient(
            "checkout", services={"users": [site.url]}, **site.options(httpx2)
        )
    )
    return lambda: client.get(SERVICE)


async def _httpx(stack: AsyncExitStack, site: Site) -> Get:
    client = await stack.enter_async_context(httpx.AsyncClient(**site.options(httpx)))
    return lambda: client.get(site.url + PATH)


async def _httpx2(stack: AsyncExitStack, site: Site) -> Get:
    import httpx2

    client = await stack.enter_async_context(httpx2.AsyncClient(**site.options(httpx2)))
    return lambda: client.get(site.url + PATH)


async def _retrying(stack: AsyncExitStack, site: Site) -> Get:
    import httpx_retries

    inner = httpx.AsyncHTTPTransport(**site.options(httpx))
    client = await stack.enter_async_context(
        httpx.AsyncClient(transport=httpx_retries.RetryTransport(transport=inner))
    )
    return lambda: client.get(site.url + PATH)


async def _aiohttp(stack: AsyncExitStack, site: Site) -> Get:
    import aiohttp

    session = await stack.enter_async_context(
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=site.concurrency, keepalive_timeout=LASTING)
        )
    )
    url = site.url + PATH

    async def get() -> None:
        async with session.get(url) as response:
            await response.read()

    return get


async def _over_aiohttp(stack: AsyncExitStack, site: Site) -> Get:
    from meshlib.inner.aiohttp import AiohttpTransport

    inner = AiohttpTransport(limits=httpx.Limits(**site.limits))
    client = await stack.enter_async_context(
        AsyncMeshClient("checkout", services={"users": [site.url]}, transport=inner)
    )
    return lambda: client.get(SERVICE)


async def _httpx2_over_aiohttp(stack: AsyncExitStack, site: Site) -> Get:
    import httpx2

    import meshlib.httpx2
    from meshlib.inner.aiohttp import AiohttpTransport

    inner = AiohttpTransport(limits=httpx2.Limits(**site.limits))
    client = await stack.enter_async_context(
        meshlib.httpx2.AsyncMeshClient("checkout", services={"users": [site.url]}, transport=inner)
    )
    return lambda: client.get(SERVICE)


async def _over_pyqwest(stack: AsyncExitStack, site: Site) -> Get:
    import pyqwest
    from pyqwest.httpx import AsyncPyqwestTransport

    version = pyqwest.HTTPVersion.HTTP2 if site.http2 else pyqwest.HTTPVersion.HTTP1
    inner = pyqwest.HTTPTransport(
        tls_ca_cert=site.authority, http_version=version, pool_idle_timeout=LASTING
    )
    client = await stack.enter_async_context(
        AsyncMeshClient(
            "checkout", services={"users": [site.url]}, transport=AsyncPyqwestTransport(inner)
        )
    )
    return lambda: client.get(SERVICE)


@dataclass(frozen=True, slots=True)
class Contestant:
    """How a client is made, what it needs, and whether it speaks HTTP/2."""

    make: Callable[[AsyncExitStack, Site], Awaitable[Get]]
    needs: tuple[str, ...] = ()
    http2: bool = True


CONTESTANTS = {
    "meshlib": Contestant(_meshlib),
    "meshlib, httpx2": Contestant(_meshlib_on_httpx2, ("httpx2", "meshlib.httpx2")),
    "meshlib over aiohttp": Contestant(_over_aiohttp, ("aiohttp", "httpx_aiohttp"), http2=False),
    "meshlib, httpx2 over aiohttp": Contestant(
        _httpx2_over_aiohttp,
        ("aiohttp", "httpx_aiohttp.httpx2", "meshlib.httpx2"),
        http2=False,
    ),
    "meshlib over pyqwest": Contestant(_over_pyqwest, ("pyqwest", "h2")),
    "httpx": Contestant(_httpx),
    "httpx2": Contestant(_httpx2, ("httpx2",)),
    "httpx, httpx-retries": Contestant(_retrying, ("httpx_retries",)),
    "aiohttp": Contestant(_aiohttp, ("aiohttp",), http2=False),
}


async def getters(stack: AsyncExitStack, site: Site) -> dict[str, Get]:
    """One asynchronous GET for each library; *stack* closes their clients."""
    return {
        name: await one.make(stack, site)
        for name, one in CONTESTANTS.items()
        if (one.http2 or not site.http2) and all(map(installed, one.needs))
    }


def blocking_getters(stack: ExitStack, site: Site) -> dict[str, Callable[[], Any]]:
    """One blocking GET for each library; *stack* closes their clients."""
    url, options = site.url + PATH, site.options(httpx)
    mesh = stack.enter_context(MeshClient("checkout", services={"users": [site.url]}, **options))
    found: dict[str, Callable[[], Any]] = {"meshlib": lambda: mesh.get(SERVICE)}
    if installed("httpx2"):
        import httpx2

        options2 = site.options(httpx2)
        if installed("meshlib.httpx2"):
            import meshlib.httpx2

            newer = stack.enter_context(
                meshlib.httpx2.MeshClient("checkout", services={"users": [site.url]}, **options2)
            )
            found["meshlib, httpx2"] = lambda: newer.get(SERVICE)
        second = stack.enter_context(httpx2.Client(**options2))
        found["httpx2"] = lambda: second.get(url)
    plain = stack.enter_context(httpx.Client(**options))
    found["httpx"] = lambda: plain.get(url)
    if installed("httpx_retries"):
        import httpx_retries

        retrying = stack.enter_context(
            httpx.Client(
                transport=httpx_retries.RetryTransport(transport=httpx.HTTPTransport(**options))
            )
        )
        found["httpx, httpx-retries"] = lambda: retrying.get(url)
    return found


async def warm(stack: AsyncExitStack, url: str, count: int) -> Get:
    """One GET through a mesh of *count* endpoints that each hold an idle connection."""
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
        await mesh.get(SERVICE)
    return lambda: mesh.get(SERVICE)
