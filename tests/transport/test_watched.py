"""One timer for the chunks of a body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshlib.transport._watched import Watched

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
        assert [b"a", b"b"] == [x async for x in Watched(chunks(b"a", b"b"), seconds, LateError)]


async def test_wait_is_cut_off() -> None:
    """The task that waits goes on with the error, and is not cancelled."""
    with pytest.raises(LateError):
        async for _ in Watched(chunks(b"a", event=asyncio.Event()), 0.02, LateError):
            pass
    task = asyncio.current_task()
    assert task is not None
    assert 0 == task.cancelling()


async def test_time_passes_between_chunks() -> None:
    """Who reads is not interrupted, and gets the error with the next chunk."""
    body = Watched(chunks(b"a", b"b"), 0.0, LateError)
    assert b"a" == await anext(body)
    for _ in range(3):
        await asyncio.sleep(0)
    with pytest.raises(LateError):
        await anext(body)


async def test_cancellation_of_somebody_else() -> None:
    """It stays one, also when time is up at the same moment."""
    for seconds in (LONG, 0.0):

        async def read(seconds: float = seconds) -> None:
            async for _ in Watched(chunks(event=asyncio.Event()), seconds, LateError):
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

    body = Watched(stubborn(), 0.0, LateError)
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
        async for _ in Watched(failing(), LONG, LateError):
            pass


async def test_reader_leaves() -> None:
    """Nothing fires afterwards."""
    body = Watched(chunks(b"a", b"b"), LONG, LateError)
    assert b"a" == await anext(body)
    timer = body._watch.timer
    assert timer is not None
    assert not timer.cancelled()
    del body
    assert timer.cancelled()


async def test_iterator_that_is_no_generator() -> None:
    """What it gives to wait for need not be a coroutine."""

    class Later:
        def __init__(self) -> None:
            self.left = [b"b", b"a"]

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        def __anext__(self) -> asyncio.Future[bytes]:
            future = asyncio.get_running_loop().create_future()
            if self.left:
                future.set_result(self.left.pop())
            else:
                future.set_exception(StopAsyncIteration)
            return future

    assert [b"a", b"b"] == [x async for x in Watched(Later(), LONG, LateError)]


async def test_what_has_no_chunks() -> None:
    """Is refused, and no timer is left."""
    with pytest.raises(TypeError):
        Watched(b"", LONG, LateError)  # type: ignore[arg-type]  # not asynchronous
