"""What goes over aiohttp is what was asked for, and nothing besides."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("httpx_aiohttp")

from meshlib import AsyncMeshClient, ConfigurationError
from meshlib.inner.aiohttp import AiohttpTransport
from support import ScriptedServer
from support.peer import Peer
from support.proxies import http_proxy
from support.scripts import Reply, close_after_request, echo, never_answer, replies

Serve = Callable[..., ScriptedServer]


@pytest.fixture
async def client(library: Any) -> AsyncIterator[Any]:
    """A client of either library over the transport."""
    async with library.AsyncClient(transport=AiohttpTransport(trust_env=False)) as made:
        yield made


async def test_nothing_is_added(library: Any, serve: Serve) -> None:
    """A request without a header goes without it, and an empty body is none."""
    server = serve()
    transport = AiohttpTransport(trust_env=False)
    request = library.Request("POST", server.url, content=b"x")
    for name in ("accept", "accept-encoding", "user-agent"):
        assert name not in request.headers
    response = await transport.handle_async_request(request)
    await response.aclose()
    assert {"host", "content-length"} == set(server.requests[0].headers)
    await transport.aclose()


async def test_cookies_are_not_kept(client: Any, serve: Serve) -> None:
    """A jar below the client would hand the cookies of one caller to the next."""
    server = serve(replies(Reply(headers={"set-cookie": "session=of-another; Path=/"})))
    await client.get(server.url)
    client.cookies.clear()
    await client.get(server.url)
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("path", ["/a%2Fb%41", "/a/../b", "/x?q=%7e+%20&r=a%2Bb", "/%e4%BD%a0"])
async def test_target_is_left_alone(path: str, library: Any, serve: Serve) -> None:
    """A signature over a path must still fit it."""
    server = serve()
    transport = AiohttpTransport(trust_env=False)
    request = library.Request("GET", server.url + path)
    response = await transport.handle_async_request(request)
    await response.aclose()
    assert request.url.raw_path.decode() == server.requests[0].target
    await transport.aclose()


async def test_redirects_and_encodings_are_the_clients(client: Any, serve: Serve) -> None:
    """A redirect is an answer, and the bytes of a body are not touched."""
    server = serve(replies(Reply(302, b"", {"location": "/other"})))
    response = await client.get(server.url)
    assert 302 == response.status_code
    assert "/other" == response.headers["location"]
    assert 1 == len(server.requests)


async def test_bodies_stream_both_ways(client: Any, serve: Serve) -> None:
    """A generator is sent as it yields, and an answer is read as it comes."""

    async def body() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d" % number * 1000

    server = serve(echo())
    async with client.stream("POST", server.url, content=body()) as response:
        read = b"".join([chunk async for chunk in response.aiter_raw()])
    assert b"0" * 1000 + b"1" * 1000 + b"2" * 1000 == read == server.requests[0].body


async def test_connections_are_kept(client: Any, serve: Serve) -> None:
    """A body that was read to its end leaves its connection; one that was not closes it."""
    server = serve(replies(b"x" * 100))
    for _ in range(3):
        await client.get(server.url)
    assert 1 == len(server.connections)

    async def first_half(peer: Peer) -> None:
        await peer.request()
        await peer.send_head(200, {"content-length": "2"})
        await peer.send(b"a")
        await peer.gone()

    server = serve(first_half)
    async with client.stream("GET", server.url):
        pass
    await asyncio.to_thread(server.wait_for_close, 0)


async def test_cancellation_closes_the_connection(client: Any, serve: Serve) -> None:
    """What nobody waits for any more is not left open."""
    server = serve(never_answer())
    hanging = asyncio.ensure_future(client.get(server.url))
    await asyncio.to_thread(server.wait_for_requests, 1)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    await asyncio.to_thread(server.wait_for_close, 0)


async def test_many_at_once(library: Any, serve: Serve) -> None:
    """aiohttp's own limit of 100 connections does not queue what the bulkhead let pass."""
    server = serve(never_answer())
    transport = AiohttpTransport(trust_env=False)
    requests = [
        asyncio.ensure_future(transport.handle_async_request(library.Request("GET", server.url)))
        for _ in range(120)
    ]
    await asyncio.to_thread(server.wait_for_requests, 120)
    for one in requests:
        one.cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    await transport.aclose()


async def test_unix_socket(library: Any, tmp_path: Path) -> None:
    """*uds* is where everything goes, whatever the URL says."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    path = str(tmp_path / "socket")
    async with await asyncio.start_unix_server(answer, path):
        transport = AiohttpTransport(uds=path)
        response = await transport.handle_async_request(library.Request("GET", "http://any/"))
        assert 204 == response.status_code
        await response.aclose()
        await transport.aclose()


async def test_options_of_sockets(library: Any, serve: Serve) -> None:
    """*local_address* and *socket_options* reach the sockets."""
    server = serve()
    option = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    transport = AiohttpTransport(
        local_address="127.0.0.2", socket_options=[option], trust_env=False
    )
    response = await transport.handle_async_request(library.Request("GET", server.url))
    assert 200 == response.status_code
    await response.aclose()
    await transport.aclose()


@pytest.mark.parametrize("trust_env", [True, False])
async def test_proxy_of_the_environment(
    trust_env: bool, library: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is used unless *trust_env* is false."""
    proxy, server = serve(http_proxy()), serve()
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy.url)
    transport = AiohttpTransport(trust_env=trust_env)
    response = await transport.handle_async_request(library.Request("GET", server.url))
    await response.aclose()
    assert int(trust_env) == len(proxy.requests)
    await transport.aclose()


def test_proxy_and_unix_socket_exclude_each_other() -> None:
    """What cannot be obeyed is refused."""
    with pytest.raises(ConfigurationError):
        AiohttpTransport(proxy="http://127.0.0.1:1", uds="/nowhere")


def test_each_event_loop_has_its_own(serve: Serve) -> None:
    """One transport serves loops after each other, as clients of a test suite do."""
    server = serve()
    transport = AiohttpTransport(trust_env=False)

    async def once() -> int:
        response = await transport.handle_async_request(httpx.Request("GET", server.url))
        await response.aclose()
        await transport.aclose()
        return int(response.status_code)

    assert [200, 200] == [asyncio.run(once()) for _ in range(2)]


async def test_below_a_mesh(library: Any, serve: Serve) -> None:
    """A call is balanced and reported as over connections of the mesh."""
    first, second = serve(replies(b"one")), serve(replies(b"two"))
    service = {"endpoints": [first.url, second.url], "balancer": "round_robin"}
    make = AsyncMeshClient
    if library is not httpx:
        make = importlib.import_module("meshlib.httpx2").AsyncMeshClient
    async with make("test", services={"users": service}, transport=AiohttpTransport()) as mesh:
        bodies = {(await mesh.get("http://users/")).content for _ in range(2)}
        await mesh.post("http://users/", content=b"12345")
    assert {b"one", b"two"} == bodies
    seen = [*first.requests, *second.requests]
    assert ["5"] == [one.headers["content-length"] for one in seen if one.body]
    assert not any("transfer-encoding" in one.headers for one in seen)


async def test_lost_post_is_not_sent_again(serve: Serve) -> None:
    """The adapter alone would call this a ConnectTimeout, and a mesh would send it twice."""
    server, other = serve(close_after_request()), serve(close_after_request())
    service = {"endpoints": [server.url, other.url], "retry": {"max_attempts": 3}}
    async with AsyncMeshClient(
        "test", services={"users": service}, transport=AiohttpTransport()
    ) as mesh:
        with pytest.raises(httpx.RemoteProtocolError):
            await mesh.post("http://users/", content=b"pay")
    assert 1 == len(server.requests) + len(other.requests)


async def test_lost_get_is_sent_again_by_the_mesh(serve: Serve) -> None:
    """A retry is an attempt that the report shows."""
    server, other = serve(close_after_request()), serve(replies(b"well"))
    service = {"endpoints": [server.url, other.url], "balancer": "round_robin"}
    async with AsyncMeshClient(
        "test", services={"users": service}, transport=AiohttpTransport()
    ) as mesh:
        answers = [await mesh.get("http://users/") for _ in range(2)]
    assert [b"well"] * 2 == [response.content for response in answers]
    attempts = sum(len(response.extensions["mesh"].attempts) for response in answers)
    assert 2 < attempts == len(server.requests) + len(other.requests)
