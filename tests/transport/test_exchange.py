"""Exchanges on a kept connection of asyncio: as httpcore's, with less in between."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshTransport, Mesh
from meshlib.transport._exchange_asyncio import Answer, Http11
from support import ScriptedServer
from support.peer import Peer
from support.scripts import Reply, Script, chunked, echo, replies
from support.wires import Wired

Serve = Callable[..., ScriptedServer]


@pytest.fixture
def anyio_backend() -> str:
    """On trio httpcore carries them all out."""
    return "asyncio"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """The responses of exchanges that were ours."""
    found: list[Answer] = []
    make = Answer.__init__

    def noting(self: Answer, *arguments: Any) -> None:
        make(self, *arguments)
        found.append(self)

    monkeypatch.setattr(Answer, "__init__", noting)
    return found


class Kept:
    """A transport whose one connection has carried an exchange already."""

    def __init__(self, server: ScriptedServer, **options: Any) -> None:
        self.server = server
        self.wired = Wired("async", server.url, retry=False, options=options)

    async def __aenter__(self) -> Wired:
        await self.wired.call()
        return self.wired

    async def __aexit__(self, *_: object) -> None:
        await self.wired.close()


def then(script: Script) -> Script:
    """Answer one request with an empty 200, and go on with *script*."""

    async def both(peer: Peer) -> None:
        await peer.request()
        await peer.respond(200, b"")
        await script(peer)

    return both


async def test_second_exchange_is_ours(serve: Serve, made: list[Answer]) -> None:
    """The first one comes with the connection; what comes back is what httpcore would say."""
    server = serve(replies(Reply(201, b"hello", {"X-Mixed-Case": "a"})))
    async with Kept(server) as one:
        assert [] == made
        response = await one.call("POST", "/x?y", content=b"asked")
        assert 1 == len(made)
    assert (201, b"hello", "HTTP/1.1") == (
        response.status_code,
        response.content,
        response.http_version,
    )
    assert (b"X-Mixed-Case", b"a") in response.headers.raw
    assert "Created" == response.reason_phrase
    assert 1 == len(server.connections)
    assert ("POST", "/x?y", b"asked") == (
        server.requests[1].method,
        server.requests[1].target,
        server.requests[1].body,
    )
    network = response.extensions["network_stream"]
    assert network.get_extra_info("server_addr") is not None


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
async def test_bodies_arrive_whole(size: int, serve: Serve, made: list[Answer]) -> None:
    """Bytes, and a generator in the chunked coding, in both directions."""

    async def generated() -> AsyncIterator[bytes]:
        for start in range(0, size, 100_000):
            yield b"x" * min(100_000, size - start)

    async with Kept(serve(echo())) as one:
        assert size == len((await one.call("POST", content=b"x" * size)).content)
        assert size == len((await one.call("POST", content=generated())).content)
        assert 2 == len(made)
        assert (1, 1) == one.counts


async def test_answer_without_a_body(serve: Serve, made: list[Answer]) -> None:
    """HEAD and 204 end with their heads, and leave the connection."""
    server = serve(replies(200, 204, Reply(200, b"", {"content-length": "0"})))
    async with Kept(server) as one:
        assert 204 == (await one.call()).status_code
        assert b"" == (await one.call("HEAD")).content
        assert 2 == len(made)
        assert (1, 1) == one.counts


async def test_chunks_of_an_answer(serve: Serve) -> None:
    """The chunked coding is taken off."""
    async with Kept(serve(then(chunked(b"one", b"two")))) as one:
        assert b"onetwo" == (await one.call()).content


async def test_informational_answers_are_passed_over(serve: Serve) -> None:
    """What counts is the final one."""

    async def hinted(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
        await peer.respond(200, b"final")

    async with Kept(serve(then(hinted))) as one:
        assert b"final" == (await one.call()).content


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", "Server disconnected without sending a response."),
        (b"SSH-2.0\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 200 OK\r\nx", "Server disconnected without sending a response."),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal", "without sending complete"),
    ],
)
async def test_server_breaks_off(said: bytes, error: str, serve: Serve) -> None:
    """The errors of httpcore; the connection is closed and nothing is kept of it."""

    async def breaking(peer: Peer) -> None:
        await peer.request()
        await peer.send(said)

    server = serve(then(breaking), then(breaking))
    async with Kept(server) as one:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            async with contextlib.aclosing(await one.send("POST", content=b"x")) as response:
                await response.aread()
        assert error in str(caught.value)
        assert (0, 0) == one.counts


async def test_server_announces_its_end(serve: Serve) -> None:
    """`connection: close` is obeyed."""
    server = serve(then(replies(Reply(200, b"x", {"connection": "close"}))), replies(200))
    async with Kept(server) as one:
        assert b"x" == (await one.call()).content
        assert (0, 0) == one.counts
        server.wait_for_close(0)


async def test_answer_that_nobody_asked_for(serve: Serve) -> None:
    """What comes behind an answer is not taken for the next one."""

    async def eager(peer: Peer) -> None:
        await peer.request()
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
        await peer.send(answer + b"good" + answer + b"evil")
        await peer.gone()

    server = serve(then(eager), replies(Reply(200, b"next")))
    async with Kept(server) as one:
        assert b"good" == (await one.call()).content
        assert (0, 0) == one.counts
        assert b"next" == (await one.call()).content


async def test_unread_body_closes(serve: Serve) -> None:
    """A connection with half an answer in it carries nothing more."""

    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send_head(200, {"content-length": "1000000"})
        await peer.send(b"x" * 1000)
        await peer.gone()

    server = serve(then(endless))
    async with Kept(server) as one:
        response = await one.send()
        await response.aclose()
        server.wait_for_close(0)
        assert (0, 0) == one.counts


async def test_server_answers_before_it_has_read(serve: Serve) -> None:
    """It refuses an upload and hangs up: its answer is what comes back."""

    async def refusing(peer: Peer) -> None:
        await peer._reader.readuntil(b"\r\n\r\n")
        await peer.respond(413, b"too large", {"connection": "close"})

    async def generated() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65536

    async with Kept(serve(then(refusing))) as one:
        try:
            assert 413 == (await one.call("POST", content=generated())).status_code
        except httpx.ReadError:
            pass  # its reset overtook its answer
        assert (0, 0) == one.counts


async def test_header_is_not_lawful(serve: Serve) -> None:
    """h11 refuses it before anything is sent."""
    server = serve(replies(200))
    async with Kept(server) as one:
        with pytest.raises(httpx.LocalProtocolError):
            await one.call(headers={"x": "a\r\nb: c"})
    assert 1 == len(server.requests)


async def test_body_of_the_request_fails(serve: Serve) -> None:
    """An error of the application's own closes the connection and comes back as it is."""

    async def generated() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError

    async with Kept(serve(then(echo()))) as one:
        with pytest.raises(LookupError):
            await one.call("POST", content=generated())
        assert (0, 0) == one.counts


async def test_traced_request_is_httpcores(serve: Serve, made: list[Answer]) -> None:
    """Who asks for a trace gets httpcore's own; the connection goes back and forth."""
    told: list[str] = []

    async def trace(name: str, _: Any) -> None:
        told.append(name)

    server = serve(replies(b"x"))
    transport = AsyncMeshTransport(mesh=Mesh("test", services={"users": [server.url]}))
    for number in range(4):
        extensions = {"trace": trace} if number == 2 else {}
        request = httpx.Request("GET", "http://users/", extensions=extensions)
        response = await transport.handle_async_request(request)
        assert b"x" == await response.aread()
        await response.aclose()
    assert "http11.send_request_headers.started" in told
    assert "http11.response_closed.complete" in told
    assert 2 == len(made)
    assert 1 == len(server.connections)
    await transport.aclose()


async def test_logged_request_is_httpcores(
    serve: Serve, made: list[Answer], caplog: pytest.LogCaptureFixture
) -> None:
    """Its log of what it does stays whole."""
    async with Kept(serve(replies(b"x"))) as one:
        with caplog.at_level(logging.DEBUG, "httpcore.http11"):
            await one.call()
        assert [] == made
        assert "send_request_headers.started" in caplog.text


async def test_upgrade_is_httpcores(serve: Serve, made: list[Answer]) -> None:
    """A switched connection is handed over with what has come on it already."""

    async def switching(peer: Peer) -> None:
        await peer.request()
        await peer.send(
            b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello"
        )
        await peer.gone()

    async with Kept(serve(then(switching))) as one:
        headers = {"Connection": "Upgrade", "Upgrade": "echo"}
        response = await one.send(headers=headers)
        assert 101 == response.status_code
        assert b"hello" == await response.extensions["network_stream"].read(5)
        await response.aclose()
        assert [] == made


async def test_connection_of_http2_is_httpcores(serve: Serve) -> None:
    """Many exchanges share it: its locks are needed."""
    server = serve(replies(200))
    for http2 in (True, False):
        one = Wired("async", server.url, options={"http2": http2})
        response = await one.send()
        stack = next(iter(one.wire._stacks.values()))
        await one.read(response)
        links = [*getattr(stack, "shared", ()), *stack.idle]
        assert [http2] == [not isinstance(link.http, Http11) for link in links]
        assert all(link.http.is_available() for link in links)
        assert not any(link.http.has_expired() for link in links)
        await one.close()
