"""
Requests sent over a connection in memory, and the bodies of their responses.

The blocking and the asynchronous half do the same: httpcore speaks HTTP/1.1 over the
connection, one request each, and its errors become httpx's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from ...transport import HTTPX
from ._link import Link
from ._pipe import End
from ._streams import AsyncPipeStream, PipeStream


@contextmanager
def _as_httpx(link: Link) -> Iterator[None]:
    """Raise what the application raised, if the caller is to get it, or httpx's errors."""
    try:
        yield
    except Exception as exc:
        if link.failure is not None:
            raise link.failure from None
        kind = HTTPX.wire_errors.get(type(exc))
        if kind is None:
            raise
        raise kind(str(exc)) from exc


def _core_request(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        ),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _response(answer: httpcore.Response, stream: Any) -> httpx.Response:
    return httpx.Response(
        answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions
    )


def send(request: httpx.Request, end: End, link: Link) -> httpx.Response:
    """Send *request* from this thread, and wait for the head of its response."""
    core = _core_request(request)
    connection = httpcore.HTTP11Connection(core.url.origin, PipeStream(end, link.info))
    with _as_httpx(link):
        answer = connection.handle_request(core)
    return _response(answer, Body(answer.stream, connection, link))


class Body(httpx.SyncByteStream):
    """The body of a response; closing it leaves, and the application gets to know."""

    def __init__(self, stream: Any, connection: httpcore.HTTP11Connection, link: Link) -> None:
        self._stream = stream
        self._connection = connection
        self._link = link

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx(self._link):
            yield from self._stream

    def close(self) -> None:
        """Leave. Idempotent."""
        self._stream.close()
        self._connection.close()


async def asend(request: httpx.Request, end: End, link: Link) -> httpx.Response:
    """Send *request* from this task, and wait for the head of its response."""
    core = _core_request(request)
    stream = AsyncPipeStream(end, link.info)
    connection = httpcore.AsyncHTTP11Connection(core.url.origin, stream)
    with _as_httpx(link):
        answer = await connection.handle_async_request(core)
    return _response(answer, AsyncBody(answer.stream, connection, link))


class AsyncBody(httpx.AsyncByteStream):
    """The body of a response; closing it leaves, and the application gets to know."""

    def __init__(self, stream: Any, connection: httpcore.AsyncHTTP11Connection, link: Link) -> None:
        self._stream = stream
        self._connection = connection
        self._link = link

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._link):
            async for chunk in self._stream:
                yield chunk

    async def aclose(self) -> None:
        """Leave. Idempotent."""
        await self._stream.aclose()
        await self._connection.aclose()
