"""Giving a stream up before its end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from meshlib.discovery.registry._chunks import Chunks


class Body(httpx.AsyncByteStream):
    """Two chunks that are there, then *end* or none for ever."""

    def __init__(self, end: Exception | None = None) -> None:
        self._end = end
        self.ended = False
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            yield b"1"
            yield b"2"
            if self._end is not None:
                raise self._end
            await anyio.sleep_forever()
        finally:
            self.ended = True

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True


@pytest.mark.parametrize("end", [None, httpx.ReadError("cut")])
async def test_ends_every_generator_and_the_connection(end: Exception | None) -> None:
    """At once, without leaving a generator to the garbage collector."""
    body = Body(end)
    chunks = Chunks(httpx.Response(200, stream=body))
    assert b"1" == await chunks.next()
    await chunks.aclose()
    assert body.ended
    assert body.closed


async def test_what_was_not_begun_is_closed() -> None:
    """Without reading any of it."""
    stream = Body()
    await Chunks(httpx.Response(200, stream=stream)).aclose()
    assert stream.closed
    assert not stream.ended
