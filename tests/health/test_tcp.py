"""Checks by TCP against real servers."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from meshlib.health._wire import _text
from support import Peer, ScriptedServer, close_at_once, never_read
from support.checks import Checks, checked

Serve = Callable[..., ScriptedServer]


async def answers(peer: Peer) -> None:
    """Takes five bytes, and answers in two pieces."""
    await peer._reader.readexactly(5)
    await peer.send(b"+PO")
    await peer.send(b"NG\r\n")
    await peer.gone()


async def test_an_accepted_connection_passes(serve: Serve) -> None:
    """Whatever happens on it then; it is closed at once."""
    server = serve(never_read(), close_at_once())
    async with Checks(server.url, tcp=True) as checks:
        assert [None] * 2 == [await checks() for _ in range(2)]
        await server.until(lambda: len(server.connections) == 2)


async def test_the_connection_is_closed(serve: Serve) -> None:
    """None stays behind."""
    server = serve(answers)
    assert await checked(server.url, tcp={"send": "PING\n", "receive": "+PONG"}) is None
    await server.until(lambda: server.connections[0].closed)


async def test_nobody_listens() -> None:
    """A refused connection fails, on another port too."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert "cannot connect: Connection refused" == await checked(
            "http://127.0.0.1:1", tcp=True, port=port
        )


@pytest.mark.parametrize("receive", ["+PONG", b"ON", "\r\n"])
async def test_waits_for_what_it_is_told(serve: Serve, receive: str | bytes) -> None:
    """Anywhere in what comes."""
    server = serve(answers)
    assert await checked(server.url, tcp={"send": "PING\n", "receive": receive}) is None


def test_each_reason_is_told_once() -> None:
    """A name may have several addresses, which mostly fail for the same reason."""
    refused = [ConnectionRefusedError(111, "x"), ConnectionRefusedError(111, "y"), OSError("z")]
    assert "Connection refused; z" == _text(ExceptionGroup("", refused))
    assert "TimeoutError" == _text(TimeoutError())


async def test_something_else_fails(serve: Serve) -> None:
    """When the connection ends, or too much has come, or the time is over."""

    async def talks(peer: Peer) -> None:
        await peer.send(b"x" * 200_000)
        await peer.gone()

    missing = "b'ok' was not received"
    assert missing == await checked(serve(close_at_once()).url, tcp={"receive": "ok"})
    assert missing == await checked(serve(talks).url, tcp={"receive": "ok"})
    late = await checked(serve(never_read()).url, tcp={"receive": "ok"}, timeout=0.1)
    assert (late or "").startswith("no result after 0.1 s, while ")


async def test_a_reset_fails(serve: Serve) -> None:
    """It is no answer."""

    async def resets(peer: Peer) -> None:
        await peer._reader.readexactly(5)
        peer.reset()

    options = {"send": "PING\n", "receive": "ok"}
    assert "the connection was reset" == await checked(serve(resets).url, tcp=options)
