"""
What a request carries.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx


class Body(httpx.AsyncByteStream):
    """
    The bytes *content*, any number of times.

    httpx iterates its own by a generator, which is left to the garbage collector when a
    connection breaks while it is written; trio warns of those.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self._content)


class _Once:
    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        content, self._content = self._content, None
        if content is None:
            raise StopAsyncIteration
        return content
