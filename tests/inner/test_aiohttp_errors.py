"""Each way in which a request over aiohttp fails, on real sockets: its class and its meaning."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

pytest.importorskip("httpx_aiohttp")

import aiohttp

from meshlib.inner.aiohttp import AiohttpTransport
from meshlib.inner.aiohttp._errors import NAMES, name_of
from support import ScriptedServer
from support.peer import Peer
from support.proxies import http_proxy
from support.scripts import (
    chunked,
    close_after_headers,
    close_after_request,
    close_at_once,
    half_body,
    never_answer,
    replies,
    reset_after_request,
    says,
)
from support.tls import Authority

Serve = Callable[..., ScriptedServer]

CASES = {
    "closed after the request": (close_after_request(), "RemoteProtocolError"),
    "reset after the request": (reset_after_request(), "ReadError"),
    "closed within the head": (says(b"HTTP/1.1 200 OK\r\ncontent-le"), "RemoteProtocolError"),
    "closed before the body": (close_after_headers(), "RemoteProtocolError"),
    "closed within the body": (half_body(), "RemoteProtocolError"),
    "closed within a chunked body": (chunked(b"half", complete=False), "RemoteProtocolError"),
    "a size of a chunk that is none": (
        says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"),
        "RemoteProtocolError",
    ),
    "no HTTP": (says(b"SSH-2.0-OpenSSH_9.7\r\n\r\n"), "RemoteProtocolError"),
    "headers too large": (
        says(b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 200_000 + b"\r\n\r\n"),
        "RemoteProtocolError",
    ),
    "no answer in time": (never_answer(), "ReadTimeout"),
}


async def send(
    library: Any, transport: Any, url: str, *, read: float = 5.0, connect: float = 5.0, **more: Any
) -> Any:
    """The response of *transport*, read and closed."""
    timeouts = {"connect": connect, "read": read, "write": 5.0, "pool": 5.0}
    request = library.Request(
        more.pop("method", "GET"), url, extensions={"timeout": timeouts}, **more
    )
    response = await transport.handle_async_request(request)
    try:
        await response.aread()
    finally:
        await response.aclose()
    return response


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    """The one under test."""
    made = AiohttpTransport(trust_env=False)
    yield made
    await made.aclose()


@pytest.mark.parametrize("case", CASES)
async def test_server_fails(
    case: str, library: Any, transport: AiohttpTransport, serve: Serve
) -> None:
    """Once a connection stands, no error says that nothing was sent, and nothing goes again."""
    script, name = CASES[case]
    server = serve(script)
    read = 0.05 if name == "ReadTimeout" else 5.0
    with pytest.raises(library.TransportError) as caught:
        await send(library, transport, server.url, read=read)
    assert getattr(library, name) is type(caught.value)
    assert 1 == len(server.connections)


async def test_server_closes_at_once(
    library: Any, transport: AiohttpTransport, serve: Serve
) -> None:
    """Whether the request found an open socket or not is chance; that it was sent is possible."""
    server = serve(close_at_once())
    with pytest.raises(library.TransportError) as caught:
        await send(library, transport, server.url)
    assert type(caught.value) in (
        library.RemoteProtocolError,
        library.ReadError,
        library.WriteError,
    )


async def test_connection_is_refused(library: Any, transport: AiohttpTransport) -> None:
    """Nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(library.ConnectError):
            await send(library, transport, f"http://127.0.0.1:{bound.getsockname()[1]}")


async def test_name_is_unknown(library: Any, transport: AiohttpTransport) -> None:
    """No server of names knows a name that is reserved for that (RFC 6761)."""
    with pytest.raises(library.ConnectError):
        await send(library, transport, "http://nobody.invalid/")


async def test_connection_takes_too_long(library: Any, transport: AiohttpTransport) -> None:
    """A listener whose queue is full does not answer."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with pytest.raises(library.ConnectTimeout):
            await send(library, transport, url, connect=0.05)


async def test_certificate_is_not_trusted(
    library: Any, transport: AiohttpTransport, serve: Serve
) -> None:
    """An unknown authority fails while connecting."""
    server = serve(tls=Authority().server("127.0.0.1"))
    with pytest.raises(library.ConnectError, match="certificate"):
        await send(library, transport, server.url)


async def test_server_does_not_speak_tls(
    library: Any, transport: AiohttpTransport, serve: Serve
) -> None:
    """A handshake that fails is a failure to connect."""

    async def speaks_first(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = serve(speaks_first)
    with pytest.raises(library.ConnectError):
        await send(library, transport, server.url.replace("http:", "https:"))


async def test_client_shows_no_certificate(library: Any, serve: Serve) -> None:
    """TLS 1.3 refuses a client when it has sent its request: then this may have been read."""
    authority = Authority()
    server = serve(tls=authority.server("127.0.0.1", clients=True))
    transport = AiohttpTransport(verify=authority.trust(), trust_env=False)
    with pytest.raises(library.TransportError) as caught:
        await send(library, transport, server.url)
    assert type(caught.value) in (library.ReadError, library.RemoteProtocolError)
    await transport.aclose()


async def test_tls_is_trusted(library: Any, serve: Serve) -> None:
    """*verify* is the context that connections get."""
    authority = Authority()
    server = serve(replies(b"hello"), tls=authority.server("127.0.0.1"))
    transport = AiohttpTransport(verify=authority.trust(), trust_env=False)
    assert b"hello" == (await send(library, transport, server.url)).content
    await transport.aclose()


async def test_pool_is_exhausted(library: Any, serve: Serve) -> None:
    """A permit that does not come is a pool timeout, which no endpoint is blamed for."""
    server = serve(never_answer())
    transport = AiohttpTransport(limits=library.Limits(max_connections=1), trust_env=False)
    first = asyncio.ensure_future(send(library, transport, server.url))
    await asyncio.to_thread(server.wait_for_requests, 1)
    timeouts = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 0.02}
    request = library.Request("GET", server.url, extensions={"timeout": timeouts})
    with pytest.raises(library.PoolTimeout):
        await transport.handle_async_request(request)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await transport.aclose()


async def test_permit_returns_after_every_end(library: Any, serve: Serve) -> None:
    """An error, a body read and a cancellation each leave the one connection free."""
    server = serve(close_after_request(), half_body(), never_answer(), replies(b"well"))
    transport = AiohttpTransport(limits=library.Limits(max_connections=1), trust_env=False)
    for _ in range(2):
        with pytest.raises(library.RemoteProtocolError):
            await send(library, transport, server.url)
    hanging = asyncio.ensure_future(send(library, transport, server.url))
    await asyncio.to_thread(server.wait_for_requests, 3)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    await asyncio.to_thread(server.wait_for_close, 2)
    assert b"well" == (await send(library, transport, server.url)).content
    await transport.aclose()


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_broken_connection_is_not_tried_again(
    method: str, library: Any, transport: AiohttpTransport, serve: Serve
) -> None:
    """What a session does by itself for idempotent methods is for the retry policy to do."""

    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.respond(200, b"")
        await peer.request()

    server = serve(once, replies(200))
    await send(library, transport, server.url, method=method)
    with pytest.raises(library.RemoteProtocolError):
        await send(library, transport, server.url, method=method)
    assert 1 == len(server.connections)


async def test_scheme_is_unknown(library: Any, transport: AiohttpTransport) -> None:
    """It is the caller who is wrong."""
    with pytest.raises(library.UnsupportedProtocol):
        await send(library, transport, "ftp://example/")


async def test_header_is_not_lawful(
    library: Any, transport: AiohttpTransport, serve: Serve
) -> None:
    """A line break in a header reaches no server."""
    server = serve(never_answer())
    with pytest.raises(library.LocalProtocolError):
        await send(library, transport, server.url, headers={"x": "a\r\nb: c"})
    assert not server.requests


async def test_body_of_the_request_fails(
    library: Any, transport: AiohttpTransport, serve: Serve
) -> None:
    """An error of the application's own generator comes back as it is."""

    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError("of the application")

    server = serve(never_answer())
    with pytest.raises(LookupError, match="of the application"):
        await send(library, transport, server.url, method="POST", content=body())


async def test_proxy_refuses(library: Any, serve: Serve) -> None:
    """A tunnel that a proxy does not open was never used."""
    proxy = serve(http_proxy(credentials="Basic nobody"))
    transport = AiohttpTransport(proxy=proxy.url, trust_env=False)
    with pytest.raises(library.ProxyError):
        await send(library, transport, "https://example.invalid/")
    await transport.aclose()


async def test_proxy_is_down(library: Any) -> None:
    """Nobody listens where the proxy was."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        transport = AiohttpTransport(proxy=url, trust_env=False)
        with pytest.raises(library.ProxyError):
            await send(library, transport, "http://example.invalid/")
    await transport.aclose()


def subclasses(kind: type[Any]) -> set[type[Any]]:
    """*kind* and all that derives from it."""
    found = {kind}
    for one in kind.__subclasses__():
        found |= subclasses(one)
    return found


def test_every_error_of_aiohttp_has_a_name() -> None:
    """Nothing of its tree escapes, and only failures to connect say that nothing was sent."""
    unsent = {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"}
    never = (
        aiohttp.ClientConnectorError,
        aiohttp.ClientHttpProxyError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.ServerFingerprintMismatch,
        aiohttp.NonHttpUrlClientError,
    )
    for kind in subclasses(aiohttp.ClientError):
        name = name_of(kind)
        assert name is not None
        assert issubclass(kind, never) == (name in unsent), kind
    assert ssl.SSLError not in NAMES  # one is an OSError
    assert "ReadError" == name_of(ssl.SSLError)
    assert name_of(RuntimeError) is None
