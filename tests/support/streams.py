"""Servers of a few lines in the event loop of a test, and the asyncio stream to one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpcore

from meshlib.transport._network_asyncio import Network
from meshlib.transport._stream_asyncio import Stream

from .tls import Authority

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]
NETWORK = Network(httpcore)


@asynccontextmanager
async def serving(serve: Serve, **options: Any) -> AsyncIterator[int]:
    """The port of a server that does *serve* to each connection; ends when they have ended."""
    tasks: list[asyncio.Task[Any] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", 0, **options) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, tasks))


@asynccontextmanager
async def connected(serve: Serve, authority: Authority | None = None) -> AsyncIterator[Stream]:
    """A stream to a server that does *serve* to each connection."""
    async with serving(serve, ssl=authority and authority.server("127.0.0.1")) as port:
        stream = await NETWORK.connect_tcp("127.0.0.1", port, 5.0)
        if authority is not None:
            stream = await stream.start_tls(authority.trust(), "127.0.0.1", 5.0)
        try:
            yield stream
        finally:
            await stream.aclose()


async def gone(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing until the other end goes."""
    while await reader.read(65536):
        pass
