"""Time that passes at once passes for applications and for those who wait for them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest

from meshlib._surroundings import Surroundings, surrounded
from meshlib.testing import VirtualTime
from meshlib.testing.inprocess import ASGIEndpoint, InProcess


async def slow(scope: Any, receive: Any, send: Any) -> None:
    """Takes a quarter of an hour."""
    await anyio.sleep(900)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
def clock() -> Iterator[VirtualTime]:
    """The time of everything that the test makes."""
    with VirtualTime() as clock, surrounded(Surroundings(clock=clock)):
        began = time.monotonic()
        yield clock
        assert time.monotonic() - began < 20


async def test_async_client_waits_at_once(clock: VirtualTime) -> None:
    """For an answer, and for its timeout."""
    clock.keep()
    transport = InProcess({"http://a": ASGIEndpoint(slow, lifespan="off")})
    async with httpx.AsyncClient(transport=transport) as client:
        assert "done" == (await client.get("http://a", timeout=1000)).text
        assert 899.99 < clock.elapsed < 1000
        with pytest.raises(httpx.ReadTimeout):
            await client.get("http://a", timeout=100)
    assert 1000 <= clock.elapsed < 1200


def test_sync_client_waits_at_once(clock: VirtualTime) -> None:
    """For an answer of the loop in another thread, and for its timeout."""
    transport = InProcess({"http://a": ASGIEndpoint(slow, lifespan="off")})
    with httpx.Client(transport=transport) as client:
        assert "done" == client.get("http://a", timeout=1000).text
        assert 899.99 < clock.elapsed < 1000
        with pytest.raises(httpx.ReadTimeout):
            client.get("http://a", timeout=100)
    assert 1000 <= clock.elapsed < 1200


@pytest.mark.parametrize(("grace", "end"), [(1000.0, "done"), (100.0, "cancelled")])
async def test_close_awaits_background_tasks(clock: VirtualTime, grace: float, end: str) -> None:
    """What runs after a response is awaited, and cancelled when it takes longer than *grace*."""
    clock.keep()
    journal: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        try:
            await anyio.sleep(900)
            journal.append("done")
        except BaseException:
            journal.append("cancelled")
            raise

    transport = InProcess({"http://a": ASGIEndpoint(app, lifespan="off")}, grace=grace)
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get("http://a")
    assert [end] == journal
