"""An ASGI application called without a server, so that a test holds both ends of a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import httpx

_PATIENCE = 30.0
"""Seconds after which a wait is given up as hanging; a passing test never gets near it."""


def scope_of(
    method: str, path: str, query: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()
) -> dict[str, Any]:
    """What a server says of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": b"/",
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "server": ("test", 80),
        "client": ("test", 1),
    }


async def answer_of(
    app: Any, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]
) -> tuple[int, bytes]:
    """Status and body of the answer to a request that *receive* tells of."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


class Stream:
    """
    One GET request, whose answer arrives in *chunks*, and whose client may take its time.

    While `hold` is set the client takes nothing; `gone` is what says that it has left.
    """

    def __init__(self, app: Any, path: str, headers: Mapping[str, str] | None = None) -> None:
        self._app = app
        pairs = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
        self._scope = scope_of("GET", path, headers=pairs)
        self._asked = False
        self.status = 0
        self.chunks: list[bytes] = []
        self.over = anyio.Event()
        self.gone = anyio.Event()
        self._may_take = anyio.Event()
        self._may_take.set()
        self._arrived = anyio.Event()
        self.broken = False
        """Whether sending fails, as some servers say that the client has left."""

    def hold(self) -> None:
        """Take nothing any more."""
        self._may_take = anyio.Event()

    def go_on(self) -> None:
        """Take what comes."""
        self._may_take.set()

    async def run(self) -> None:
        """Ask, and take the answer until it is over."""
        await self._app(self._scope, self._receive, self._send)
        self.over.set()

    async def until(self, condition: Any) -> None:
        """Wait until *condition* holds, which is asked again at each chunk."""
        with anyio.fail_after(_PATIENCE):
            while not condition():
                self._arrived = anyio.Event()
                await self._arrived.wait()

    async def first(self, count: int) -> list[bytes]:
        """Wait for *count* chunks in all."""
        await self.until(lambda: len(self.chunks) >= count)
        return self.chunks

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self.broken:
            raise OSError("gone")
        await self._may_take.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message.get("body"):
            self.chunks.append(message["body"])
        self._arrived.set()
        await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def streaming(
    app: Any, path: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Stream]:
    """A `Stream` that runs meanwhile, and whose client leaves at the end."""
    async with anyio.create_task_group() as group:
        stream = Stream(app, path, headers)
        group.start_soon(stream.run)
        yield stream
        stream.gone.set()
        stream.go_on()
        with anyio.fail_after(_PATIENCE):
            await stream.over.wait()


def client_of(app: Any, **options: Any) -> httpx.AsyncClient:
    """A client for what *app* answers at once, which does not raise what the app raises."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://registry", **options)
