"""
The same test through every client: httpx's own, and the mesh's by each of its ways.

A test that holds for httpx's client and for all others proves that the mesh's client
behaves as httpx's does. It is written once, as a coroutine; a blocking client is called
from it directly, since the servers of the tests have threads of their own.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from meshlib import AsyncMeshClient, MeshClient

from .peer import Received

OURS = {"x-request-id", "x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms"}
"""The headers that the mesh adds to what goes to the wire."""


@dataclass(frozen=True)
class Way:
    """
    How a request reaches a server.

    *client* is `httpx`, or `mesh` for a service by its name, `outside` for the same
    server by its address, `long` for a service without the short cuts. *loop* is None for
    a blocking client.
    """

    client: str
    loop: str | None

    def __str__(self) -> str:
        return f"{self.client}-{self.loop or 'sync'}"

    @property
    def is_mesh(self) -> bool:
        """Whether it is a client of this library."""
        return self.client != "httpx"

    def make(self, url: str, **options: Any) -> User:
        """A client of the server at *url*."""
        service = self.client in ("mesh", "long")
        client: Any
        if not self.is_mesh:
            client = httpx.Client(**options) if not self.loop else httpx.AsyncClient(**options)
        else:
            if service:
                options.setdefault("services", {"site": [url]})
            client = MeshClient(**options) if not self.loop else AsyncMeshClient(**options)
            if self.client == "long":
                client.shortcuts = False
        return User(self, client, "http://site" if service else url)


WAYS = [
    Way(client, loop)
    for loop in (None, "asyncio", "trio")
    for client in ("httpx", "mesh", "long", "outside")
]


class User:
    """
    Somebody who uses a client, blocking or not, with one set of words.

    A path that begins with a slash is one of the server; *base* is its URL as this client
    knows it. What is not here is the client's own, made awaitable.
    """

    def __init__(self, way: Way, client: Any, base: str) -> None:
        self.way = way
        self.client = client
        self.base = base

    def at(self, url: Any) -> Any:
        """The whole URL of a path of the server; any other URL as it is."""
        return self.base + url if isinstance(url, str) and url.startswith("/") else url

    async def request(self, method: str, url: Any, **options: Any) -> httpx.Response:
        """The client's `request`."""
        response: httpx.Response = await settled(
            self.client.request(method, self.at(url), **options)
        )
        return response

    async def verb(self, name: str, url: Any, **options: Any) -> httpx.Response:
        """The client's method of this name."""
        method = getattr(self.client, name)
        response: httpx.Response = await settled(method(self.at(url), **options))
        return response

    async def get(self, url: Any, **options: Any) -> httpx.Response:
        """The client's `get`."""
        return await self.verb("get", url, **options)

    async def post(self, url: Any, **options: Any) -> httpx.Response:
        """The client's `post`."""
        return await self.verb("post", url, **options)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """The client's `send`."""
        response: httpx.Response = await settled(self.client.send(request, **options))
        return response

    @asynccontextmanager
    async def stream(self, method: str, url: Any, **options: Any) -> AsyncIterator[httpx.Response]:
        """The client's `stream`."""
        async with entered(self.client.stream(method, self.at(url), **options)) as response:
            yield response

    async def read(self, response: httpx.Response) -> bytes:
        """The whole body of *response*."""
        return await response.aread() if self.way.loop else response.read()

    async def read_request(self, request: httpx.Request) -> bytes:
        """The whole body of *request*, from its stream."""
        if self.way.loop:
            assert isinstance(request.stream, httpx.AsyncByteStream)
            return b"".join([chunk async for chunk in request.stream])
        assert isinstance(request.stream, httpx.SyncByteStream)
        return b"".join(request.stream)

    async def each(self, response: httpx.Response, kind: str, *sizes: int) -> AsyncIterator[Any]:
        """What `iter_KIND` or `aiter_KIND` of *response* yields, as it comes."""
        if self.way.loop:
            async for part in getattr(response, f"aiter_{kind}")(*sizes):
                yield part
        else:
            for part in getattr(response, f"iter_{kind}")(*sizes):
                yield part

    async def parts(self, response: httpx.Response, kind: str, *sizes: int) -> list[Any]:
        """All that `iter_KIND` or `aiter_KIND` of *response* yields."""
        return [part async for part in self.each(response, kind, *sizes)]

    def body(self, *chunks: bytes) -> Any:
        """A generator of the colour that the client takes."""
        return _suspending(chunks) if self.way.loop else _blocking(chunks)

    def hook(self, function: Callable[[Any], object]) -> Any:
        """*function* as an event hook of the colour that the client takes."""

        async def hook(item: Any) -> None:
            function(item)

        return hook if self.way.loop else function

    async def close_response(self, response: httpx.Response) -> None:
        """Close *response*."""
        if self.way.loop:
            await response.aclose()
        else:
            response.close()

    async def close(self) -> None:
        """Close the client."""
        await settled(self.client.aclose() if self.way.loop else self.client.close())

    def tell(self, text: Any) -> str:
        """*text* in the words that all clients share: the server is `<site>`."""
        return str(text).replace(self.base, "<site>")


async def settled(value: Any) -> Any:
    """*value*, or what it becomes."""
    return await value if inspect.isawaitable(value) else value


@asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    """What a context manager of either colour gives."""
    async with AsyncExitStack() as stack:
        if hasattr(manager, "__aenter__"):
            yield await stack.enter_async_context(manager)
        else:
            yield stack.enter_context(manager)


def _blocking(chunks: tuple[bytes, ...]) -> Any:
    yield from chunks


async def _suspending(chunks: tuple[bytes, ...]) -> Any:
    for chunk in chunks:
        yield chunk


def shared(received: Received) -> Received:
    """A request as all clients send it: without the mesh's headers, and without Host."""
    ignored = OURS | {"host"}
    headers = {name: value for name, value in received.headers.items() if name not in ignored}
    return Received(0, received.method, received.target, headers, received.body)
