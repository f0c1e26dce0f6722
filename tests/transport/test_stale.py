"""Connections that the server closed while they were idle, or as they were used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpcore
import httpx
import pytest

from support import ScriptedServer
from support.peer import Peer
from support.scripts import replies
from support.wires import Wired

Make = Callable[..., Wired]
Serve = Callable[..., ScriptedServer]


def used(server: ScriptedServer) -> list[int]:
    """The connection of each request so far."""
    return [request.connection for request in server.requests]


async def test_closed_connection_is_noticed_before_use(wired: Make, serve: Serve) -> None:
    """A POST costs nothing when the server closed what it would have been sent on."""
    server = serve(replies(200, then_close=True), replies(200))
    one = wired(server.url, retry=False)
    await one.call()
    server.wait_for_close(0)
    assert 200 == (await one.call("POST", content=b"x")).status_code
    assert [0, 1] == used(server)
    assert (1, 1) == one.counts
    assert 0 == one.failures


def hangs_up_on_the_second() -> Any:
    """Answer one request, read the next, and close."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.respond(200, b"")
        await peer.request()

    return script


async def test_connection_closed_as_it_was_used(wired: Make, serve: Serve) -> None:
    """Nothing of the answer came over a kept connection: an idempotent request goes again."""
    server = serve(hangs_up_on_the_second(), replies(200))
    one = wired(server.url)
    await one.call()
    response = await one.call()
    report = response.extensions["mesh"]
    assert [200] == [attempt.status for attempt in report.attempts]
    assert [0, 0, 1] == used(server)
    assert 0 == one.failures
    assert (1, 1) == one.counts


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_request_that_may_have_acted_is_not_sent_again(
    wired: Make, serve: Serve, method: str
) -> None:
    """Bytes were written, so a POST, or a body that can be read once, is given up."""
    server = serve(hangs_up_on_the_second(), replies(200))
    one = wired(server.url, retry=False)
    await one.call()

    async def later() -> Any:
        yield b"x"

    once: Any = iter([b"x"]) if one.kind == "sync" else later()
    with pytest.raises(httpx.RemoteProtocolError):
        await one.call(method, content=b"x" if method == "POST" else once)
    assert [0, 0] == used(server)
    assert 1 == one.failures


async def test_answer_that_breaks_off_is_a_failure(wired: Make, serve: Serve) -> None:
    """Once a byte of the answer has come, the connection was not merely stale."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.respond(200, b"")
        await peer.request()
        await peer.send(b"HTTP/1.1 20")

    server = serve(script, replies(200))
    one = wired(server.url, retry=False)
    await one.call()
    with pytest.raises(httpx.RemoteProtocolError):
        await one.call()
    assert 1 == one.failures
    assert (0, 0) == one.counts


async def test_other_idle_connections_are_not_trusted_then(wired: Make, serve: Serve) -> None:
    """A server that closed one as it was used has closed the others, too."""
    server = serve(hangs_up_on_the_second(), hangs_up_on_the_second(), replies(200))
    one = wired(server.url)
    for response in [await one.send() for _ in range(2)]:
        await one.read(response)
    await one.call()
    assert [0, 1, 1, 2] == used(server)
    assert (1, 1) == one.counts
    assert 0 == one.failures


async def test_server_that_said_goodbye_gets_the_request_over_another_connection(
    wired: Make, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of HTTP/2: it says which request was the last that it took, and this one came later."""
    server = serve(replies(200), replies(200))
    one = wired(server.url, retry=False)
    exchange, turns = one.wire._exchange, iter([True, False])

    def refused(link: Any, *args: Any) -> Any:
        if next(turns):
            raise httpcore.ConnectionNotAvailable
        return exchange(link, *args)

    monkeypatch.setattr(one.wire, "_exchange", refused)
    assert 200 == (await one.call("POST", content=b"x")).status_code
    assert (1, 1) == one.counts
    assert 0 == one.failures
