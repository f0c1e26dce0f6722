"""Exchanges that share a connection of HTTP/2 with real servers, and those of threads."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import anyio
import httpx
import httpx2
import pytest

import meshlib.httpx2 as httpx2_meshlib
from meshlib import AsyncMeshClient, DeadlineExceededError, MeshClient, deadline
from support.h2 import Http2Server
from support.real import wait_until
from support.steered import until
from support.wires import CALM, Wired

HTTP2: dict[str, Any] = {"http1": False, "http2": True}
MAKERS = [AsyncMeshClient, httpx2_meshlib.AsyncMeshClient]
WINDOW = 256
"""Pieces of 64 KiB that httpcore lets a server send before any is acknowledged."""


@pytest.fixture
def kind() -> str:
    """Threads share nothing."""
    return "async"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_stream_that_is_dropped_costs_its_connection(wired: Callable[..., Wired]) -> None:
    """Nobody ends it, so the next call goes over another connection, and the old one is closed."""
    with Http2Server() as server:
        user = wired(server.url, options=HTTP2)
        await user.call(path="/echo")
        response = await user.send(path="/echo")
        assert 1 == len(server.connections)
        del response
        gc.collect()
        for _ in range(2):
            assert (await user.call(path="/echo")).is_success
        assert 2 == len(server.connections)
        assert user.counts[0] == 1
        await user.close()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # trio warns of httpx's generators
@pytest.mark.parametrize("make", MAKERS)
async def test_bodies_that_are_not_read_to_the_end_leave_room_for_others(make: Any) -> None:
    """Their servers are told to stop, and what had come is acknowledged all the same."""
    with Http2Server() as server:
        services = {"users": {"endpoints": [server.url], **CALM}}
        async with make("test", services=services, **HTTP2) as client:
            await client.get("http://users/echo")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.get, "http://users/held")
                await until(lambda: server.open == 1)
                for number in range(1, 6):
                    async with client.stream("GET", f"http://users/long/{2 * WINDOW}") as response:
                        await anext(response.aiter_raw())
                    await until(lambda number=number: server.broken_off == number)
                whole = await client.get(f"http://users/long/{WINDOW}")
                assert len(whole.content) == WINDOW * 65536
                server.release()
            assert 1 == len(server.connections)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # trio warns of httpx's generators
async def test_a_server_is_told_at_once_when_nobody_else_writes(
    wired: Callable[..., Wired],
) -> None:
    """It would wait for room to send for as long as the connection lives."""
    with Http2Server() as server:
        user = wired(server.url, options=HTTP2)
        response = await user.send(path=f"/long/{100 * WINDOW}")
        await anext(response.aiter_raw())
        await response.aclose()
        await until(lambda: server.broken_off == 1)
        assert user.counts[0] == 1
        await user.close()


async def test_a_whole_body_that_nobody_read_leaves_room_for_others(
    wired: Callable[..., Wired],
) -> None:
    """It has filled the window of the connection, and another body waits for that."""
    with Http2Server() as server:
        user = wired(server.url, options=HTTP2)
        await user.call(path="/echo")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(user.call, path="/held"))
            await until(lambda: server.open == 1)
            unread = await user.send(path=f"/long/{WINDOW}")
            await until(lambda: server.open == 1)
            waiting = await user.send(path=f"/long/{WINDOW}")
            await unread.aclose()
            await until(lambda: server.open == 1)  # all is sent, though nobody reads that either
            await waiting.aclose()
            server.release()
        assert 1 == len(server.connections)
        await user.close()


async def test_a_deadline_ends_its_own_stream_only(wired: Callable[..., Wired]) -> None:
    """The connection goes on, as it was heard of meanwhile."""
    with Http2Server() as server:
        user = wired(server.url, options=HTTP2)
        response = await user.send(path="/long/1000000")
        chunks = response.aiter_raw()
        await anext(chunks)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reading, chunks)
            with pytest.raises(DeadlineExceededError), deadline(0.05):
                await user.send(path="/held")
            assert (await user.call(path="/echo")).is_success
            assert 1 == len(server.connections)
            tasks.cancel_scope.cancel()
        await response.aclose()
        server.release()
        await user.close()


async def reading(chunks: Any) -> None:
    """Read on."""
    async for _ in chunks:
        pass


async def test_a_connection_that_says_nothing_gets_no_more_calls(
    wired: Callable[..., Wired],
) -> None:
    """It may be dead. Those that are on it may wait for longer."""
    with Http2Server() as server:
        user = wired(server.url, options=HTTP2)
        await user.call(path="/echo")
        async with anyio.create_task_group() as tasks:
            answers: list[httpx.Response] = []

            async def wait() -> None:
                answers.append(await user.call(path="/held"))

            tasks.start_soon(wait)
            await until(lambda: server.open == 1)
            with pytest.raises(DeadlineExceededError), deadline(0.02):
                await user.send(path="/held")
            assert (await user.call(path="/echo")).is_success
            assert 2 == len(server.connections)
            server.release()
        assert [200] == [each.status_code for each in answers]
        assert user.counts[0] == 1
        await user.close()


@pytest.mark.parametrize("make", MAKERS)
async def test_a_read_that_times_out_ends_nothing_else(make: Any) -> None:
    """httpcore alone fails all that are on the connection."""
    with Http2Server() as server:
        services = {"users": {"endpoints": [server.url], **CALM, "retry": False}}
        async with make("test", services=services, **HTTP2) as client:
            await client.get("http://users/echo")
            async with anyio.create_task_group() as tasks:
                answers: list[httpx.Response] = []

                async def wait() -> None:
                    await until(lambda: server.open == 1)  # the other one reads
                    answers.append(await client.get("http://users/held"))

                tasks.start_soon(wait)
                with pytest.raises((httpx.ReadTimeout, httpx2.ReadTimeout)):
                    await client.get("http://users/held", timeout=(30.0, 0.2, 30.0, 30.0))
                await until(lambda: server.open >= 1)
                server.release()
            assert [200] == [each.status_code for each in answers]


def test_threads_share_no_connection() -> None:
    """So a hedge that loses can be cut off, and no other call feels it."""
    hedged: dict[str, Any] = {"hedge": {"delay": 0.001}, "balancer": "round_robin"}
    with Http2Server() as a, Http2Server() as b, ThreadPoolExecutor() as pool:
        services = {"users": {"endpoints": [a.url, b.url], **hedged}}
        with MeshClient("test", services=services, **HTTP2) as client:
            others = [pool.submit(client.post, "http://users/held") for _ in range(2)]
            wait_until("one on each", lambda: a.open == b.open == 1)
            assert client.get(f"http://users/first/{uuid4()}").is_success
            a.release()
            b.release()
            assert all(other.result().is_success for other in others)
        assert 2 == len(a.connections) == len(b.connections)


def test_a_thread_keeps_a_connection_whose_body_was_read() -> None:
    """One that was not goes: its server may be sending still."""
    with Http2Server() as server:
        services = {"users": {"endpoints": [server.url]}}
        with MeshClient("test", services=services, **HTTP2) as client:
            for _ in range(3):
                assert client.get("http://users/echo").http_version == "HTTP/2"
            assert 1 == len(server.connections)
            with client.stream("GET", f"http://users/long/{WINDOW}") as response:
                assert next(response.iter_raw())
            assert client.get("http://users/echo").is_success
            assert 2 == len(server.connections)
