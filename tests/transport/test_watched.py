"""One timer for the chunks of a body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshlib.transport._watched import watched

LONG = 30.0


class LateError(Exception):
    """Time is up."""


@pytest.fixture
def anyio_backend() -> str:
    """Loops of asyncio; trio has scopes."""
    return "asyncio"


async def chunks(*items: bytes, event: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """The *items*, and then nothing until *event*."""
    for item in items:
        yield item
    if event is not None:
        await event.wait()


async def test_every_chunk_comes() -> None:
    """With a limit or without."""
    for seconds in (LONG, float("inf")):
        assert [b"a", b"b"] == [x async for x in watched(chunks(b"a", b"b"), seconds, LateError)]


async def test_wait_is_cut_off() -> None:
    """The task that waits goes on with the error, and is not cancelled."""
    with pytest.raises(LateError):
        async for _ in watched(chunks(b"a", event=asyncio.Event()), 0.02, LateError):
            pass
    task = asyncio.current_task()
    assert task is not None
    assert 0 == task.cancelling()


async def test_time_passes_between_chunks() -> None:
    """Who reads is not interrupted, and gets the error with the next chunk."""
    body = watched(chunks(b"a", b"b"), 0.0, LateError)
    assert b"a" == await anext(body)
    for _ in range(3):
        await asyncio.sleep(0)
    with pytest.raises(LateError):
        await anext(body)


async def test_cancellation_of_somebody_else() -> None:
    """It stays one, also when time is up at the same moment."""
    for seconds in (LONG, 0.0):

        async def read(seconds: float = seconds) -> None:
            async for _ in watched(chunks(event=asyncio.Event()), seconds, LateError):
                pass

        task = asyncio.ensure_future(read())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_source_swallows_the_cancellation() -> None:
    """A chunk that comes all the same is a chunk, and the next one is late."""

    async def stubborn() -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield b"all the same"
        yield b"too late"

    body = watched(stubborn(), 0.0, LateError)
    assert b"all the same" == await anext(body)
    task = asyncio.current_task()
    assert task is not None
    assert 0 == task.cancelling()
    with pytest.raises(LateError):
        await anext(body)


async def test_body_fails() -> None:
    """Its own error comes through."""

    async def failing() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError

    with pytest.raises(LookupError):
        async for _ in watched(failing(), LONG, LateError):
            pass


async def test_reader_leaves() -> None:
    """Nothing fires afterwards."""
    body = watched(chunks(b"a", b"b"), 0.01, LateError)
    assert b"a" == await anext(body)
    await body.aclose()  # type: ignore[attr-defined]  # it is a generator
