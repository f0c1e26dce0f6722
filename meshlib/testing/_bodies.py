"""Bodies that are summed up while they are read."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx

_VOLATILE = {"baggage", "date", "traceparent", "tracestate", "x-request-id"}
"""Headers that differ from run to run without meaning anything."""


def digest_of_request(request: httpx.Request) -> str:
    """A word that is the same for requests that nobody could tell apart."""
    digest = hashlib.sha256(f"{request.method} {request.url}".encode())
    for name, value in sorted(request.headers.items()):
        if name not in _VOLATILE:
            digest.update(f"\n{name}: {value}".encode())
    try:
        digest.update(request.content)
    except httpx.RequestNotRead:  # a stream: it can be read once, and not by us
        digest.update(b"\nstream")
    return digest.hexdigest()[:16]


class SummedStream(httpx.SyncByteStream):
    """Gives *stream*, and then tells *told* the digest of what it gave, or its error."""

    def __init__(self, stream: Any, told: Callable[[str], object]) -> None:
        self._stream = stream
        self._told = told

    def __iter__(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        try:
            for chunk in self._stream:
                digest.update(chunk)
                yield chunk
        except Exception as exc:
            self._told(type(exc).__name__)
            raise
        self._told(digest.hexdigest()[:16])

    def close(self) -> None:
        """Close the stream inside."""
        self._stream.close()


class AsyncSummedStream(httpx.AsyncByteStream):
    """Gives *stream*, and then tells *told* the digest of what it gave, or its error."""

    def __init__(self, stream: Any, told: Callable[[str], object]) -> None:
        self._stream = stream
        self._told = told

    async def __aiter__(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        try:
            async for chunk in self._stream:
                digest.update(chunk)
                yield chunk
        except Exception as exc:
            self._told(type(exc).__name__)
            raise
        self._told(digest.hexdigest()[:16])

    async def aclose(self) -> None:
        """Close the stream inside."""
        await self._stream.aclose()


def sum_up(response: httpx.Response, told: Callable[[str], object]) -> None:
    """Tell *told* the digest of the body of *response*, now or when it has been read."""
    if response.is_closed:
        told(hashlib.sha256(response.content).hexdigest()[:16])
    elif isinstance(response.stream, httpx.SyncByteStream):
        response.stream = SummedStream(response.stream, told)
    else:
        response.stream = AsyncSummedStream(response.stream, told)
