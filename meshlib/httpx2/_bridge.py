"""
A transport of httpx under a client of httpx2.

The endpoints of `meshlib.testing` answer with responses of httpx. This carries requests
there and responses back, part by part, and raises errors by the same names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import httpx2

from ..transport import HTTPX, triples_of
from ._sdk import HTTPX2


class Sent(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a request."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)


class Received(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """The body of a response."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except httpx.HTTPError as exc:
            raise translated(exc) from exc

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except httpx.HTTPError as exc:
            raise translated(exc) from exc

    def close(self) -> None:
        """Close the body."""
        self._stream.close()

    async def aclose(self) -> None:
        """Close the body."""
        await self._stream.aclose()


class Bridge(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Sends requests of httpx2 by *inner*, which may be blocking, asynchronous, or both."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def handle_request(self, request: httpx2.Request) -> Any:
        """The response of *inner*."""
        try:
            return _back(self.inner.handle_request(_there(request)))
        except httpx.HTTPError as exc:
            raise translated(exc) from exc

    async def handle_async_request(self, request: httpx2.Request) -> Any:
        """The response of *inner*."""
        try:
            return _back(await self.inner.handle_async_request(_there(request)))
        except httpx.HTTPError as exc:
            raise translated(exc) from exc

    def close(self) -> None:
        """Close *inner*."""
        self.inner.close()

    async def aclose(self) -> None:
        """Close *inner*."""
        await self.inner.aclose()


def _there(request: httpx2.Request) -> Any:
    stream: Any = request.stream
    body = httpx.ByteStream(b"".join(stream)) if isinstance(stream, httpx2.ByteStream) else None
    return HTTPX.request_of(
        request.method,
        httpx.URL(str(request.url)),
        triples_of(request.headers),
        body or Sent(stream),
        request.extensions,
    )


def _back(response: httpx.Response) -> Any:
    stream: Any = response.stream
    body: Any = Received(stream)
    if isinstance(stream, httpx.ByteStream):
        body = httpx2.ByteStream(b"".join(stream))
    return HTTPX2.response_of(response.status_code, response.headers.raw, body, response.extensions)


def translated(error: httpx.HTTPError) -> Exception:
    """The error of httpx2 that says the same: of the same name, or of that of its nearest base."""
    for kind in type(error).__mro__:
        found = getattr(httpx2, kind.__name__, None)
        if kind.__module__.partition(".")[0] == "httpx" and found is not None:
            raised: Exception = found(str(error))
            return raised
    raise AssertionError  # every one of them is an HTTPError
