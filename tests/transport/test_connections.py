"""Connections of the mesh's own, against real sockets: kept, expired, limited, drained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest

from meshlib import Endpoint
from meshlib.transport import _async, _link_async, _link_sync, _sync
from support import FakeClock, ScriptedServer
from support.meshes import at_rest
from support.peer import Gate, Peer
from support.scripts import Reply, drip, never_answer, replies, says
from support.wires import Wired

Make = Callable[..., Wired]
Serve = Callable[..., ScriptedServer]


def limits(**given: Any) -> dict[str, Any]:
    """Options of connections with these limits."""
    return {"limits": httpx.Limits(**given)}


def used(server: ScriptedServer) -> list[int]:
    """The connection of each request so far."""
    return [request.connection for request in server.requests]


async def test_last_one_used_is_taken_first(wired: Make, serve: Serve) -> None:
    """A burst leaves idle what it does not need."""
    server = serve(*[replies(200)] * 3)
    one = wired(server.url)
    held = [await one.send() for _ in range(3)]
    assert (3, 0) == one.counts
    for response in held:
        await one.read(response)
    assert (3, 3) == one.counts
    for _ in range(2):
        await one.call()
    assert [0, 1, 2, 2, 2] == used(server)
    assert at_rest(one.service)


async def test_idle_connection_expires(wired: Make, serve: Serve, clock: FakeClock) -> None:
    """One that nobody used for longer than `keepalive_expiry` is closed, not used."""
    server = serve(replies(200), replies(200))
    one = wired(server.url, clock=clock, options=limits(keepalive_expiry=5.0))
    await one.call()
    clock.advance(5.0)
    await one.call()
    clock.advance(5.5)
    await one.call()
    assert [0, 0, 1] == used(server)
    server.wait_for_close(0)
    assert (1, 1) == one.counts


async def test_connection_nobody_reaches_expires(
    wired: Make, serve: Serve, clock: FakeClock
) -> None:
    """Those at the bottom of the stack go while the top one is in use all the time."""
    server = serve(*[replies(200)] * 3)
    one = wired(server.url, clock=clock, options=limits(keepalive_expiry=5.0))
    for response in [await one.send() for _ in range(3)]:
        await one.read(response)
    clock.advance(4.0)
    await one.call()
    assert (3, 3) == one.counts
    clock.advance(4.0)
    for _ in range(2):
        await one.call()
    server.wait_for_close(0)
    server.wait_for_close(1)
    assert (1, 1) == one.counts
    assert 2 == used(server)[-1]


async def test_idle_connections_are_limited(wired: Make, serve: Serve) -> None:
    """`max_keepalive_connections` of them are kept, the others close when they end."""
    server = serve(*[replies(200)] * 2)
    one = wired(server.url, options=limits(max_keepalive_connections=1))
    for response in [await one.send() for _ in range(2)]:
        await one.read(response)
    server.wait_for_close(1)
    assert (1, 1) == one.counts


async def test_open_connections_are_limited(wired: Make, serve: Serve) -> None:
    """Beyond `max_connections` a request waits for the pool timeout, which is no failure."""
    server = serve(replies(200))
    one = wired(server.url, options=limits(max_connections=1), retry=False)
    held = await one.send()
    with pytest.raises(httpx.PoolTimeout):
        await one.send(pool=0.02)
    assert 0 == one.failures
    await one.read(held)
    assert 200 == (await one.call()).status_code
    assert [0, 0] == used(server)
    assert (1, 1) == one.counts
    assert 0 == one.wire._permits.in_flight


async def test_idle_connection_makes_room(wired: Make, serve: Serve) -> None:
    """The limit counts all endpoints, so an idle connection gives way to another's."""
    first, second = serve(replies(200)), serve(replies(200))
    one = wired(first.url, second.url, balancer="round_robin", options=limits(max_connections=1))
    await one.call()
    idle = first if first.requests else second
    await one.call()
    assert (1, 1) == one.counts
    assert [1, 1] == [len(first.requests), len(second.requests)]
    idle.wait_for_close()


async def test_connection_that_cannot_be_made_takes_no_place(
    wired: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the making leaves the limit as it was."""

    def fail(*arguments: Any) -> None:
        raise ImportError("socksio")

    for module in (_link_sync.Link, _link_async.AsyncLink):
        monkeypatch.setattr(module, "_connection", fail)
    one = wired("http://127.0.0.1:1", options=limits(max_connections=1))
    for _ in range(2):
        with pytest.raises(ImportError):
            await one.call()
    assert (0, 0) == one.counts
    assert 0 == one.wire._permits.in_flight
    assert at_rest(one.service)


async def test_endpoint_that_leaves_is_drained(wired: Make, serve: Serve) -> None:
    """What runs on it ends, what is idle closes, in threads at once, and neither is used again."""
    gate = Gate()
    leaving = serve(drip([b"a", b"b"], gate=gate), replies(200))
    staying = serve(replies(200))
    one = wired(leaving.url)
    held = await one.send()
    idle = await one.call()
    assert 200 == idle.status_code
    assert (2, 1) == one.counts
    one.service.update([Endpoint(staying.url)])
    if one.kind == "sync":
        leaving.wait_for_close(1)
        assert (1, 0) == one.counts
    await one.call()
    leaving.wait_for_close(1)
    assert (2, 1) == one.counts
    gate.open(2)
    assert b"ab" == await one.read(held)
    leaving.wait_for_close(0)
    assert (1, 1) == one.counts
    assert 2 == len(leaving.requests)


async def test_connection_of_an_endpoint_that_left_at_once_is_not_kept(
    wired: Make, serve: Serve
) -> None:
    """A pick may lose the race with discovery; its connection then serves once."""
    server = serve(replies(200))
    one = wired(server.url)
    one.service.targets[0].removed = True
    await one.call()
    server.wait_for_close(0)
    assert (0, 0) == one.counts


async def test_unread_body_costs_the_connection(wired: Make, serve: Serve) -> None:
    """A response that is closed early leaves bytes on the wire, so its connection goes."""

    async def half(peer: Peer) -> None:
        await peer.request()
        await peer.send_head(200, {"content-length": "10"})
        await peer.gone()

    server = serve(half, replies(200))
    one = wired(server.url)
    await one.close_response(await one.send())
    server.wait_for_close(0)
    assert (0, 0) == one.counts
    assert at_rest(one.service)


async def test_garbage_is_a_protocol_error(wired: Make, serve: Serve) -> None:
    """What is not HTTP counts against the endpoint."""
    one = wired(serve(says(b"SSH-2.0-x\r\n\r\n")).url, retry=False)
    with pytest.raises(httpx.RemoteProtocolError):
        await one.call()
    assert 1 == one.failures
    assert (0, 0) == one.counts


async def test_retried_response_is_not_waited_for(
    wired: Make, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that never comes holds the retry up for a moment, not until the deadline."""
    for driver in (_sync, _async):
        monkeypatch.setattr(driver, "_DISCARD_TIMEOUT", 0.05)

    async def stuck(peer: Peer) -> None:
        await peer.request()
        await peer.send_head(503, {"content-length": "10"})
        await peer.gone()

    server = serve(stuck, replies(200))
    one = wired(server.url, timeout=60.0)
    with anyio.fail_after(20):
        assert 200 == (await one.call()).status_code
    server.wait_for_close(0)
    assert (1, 1) == one.counts


async def test_small_body_of_a_retried_response_keeps_its_connection(
    wired: Make, serve: Serve
) -> None:
    """It is read, which costs less than another connection; a large one is not."""
    large = b"x" * 70_000
    server = serve(replies(Reply(503, b"sorry"), Reply(503, large), 200), replies(200))
    one = wired(server.url)
    assert 200 == (await one.call()).status_code
    assert [0, 0, 1] == used(server)


async def test_hanging_handshake_leaves_no_socket(wired: Make, serve: Serve) -> None:
    """A deadline that passes before TLS is agreed closes the connection all the same."""
    server = serve(never_answer())
    one = wired(server.url.replace("http:", "https:"), timeout=0.2, retry=False)
    with pytest.raises(httpx.TimeoutException):
        await one.call()
    server.wait_for_close(0)
    assert (0, 0) == one.counts


async def test_closing_leaves_what_is_in_use(wired: Make, serve: Serve) -> None:
    """Idle connections close at once, the others when they end; calls go on after it."""
    gate = Gate()
    server = serve(drip([b"a"], gate=gate), replies(200), replies(200))
    one = wired(server.url)
    held = await one.send()
    await one.call()
    await one.close()
    await one.close()
    server.wait_for_close(1)
    gate.open()
    assert b"a" == await one.read(held)
    server.wait_for_close(0)
    assert (0, 0) == one.counts
    assert 200 == (await one.call()).status_code


async def shut(wire: Any) -> None:
    """Close *wire*, of either colour."""
    if hasattr(wire, "aclose"):
        await wire.aclose()
    else:
        wire.close()


async def test_closing_that_is_cut_off_goes_on_later(
    wired: Make, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections of an endpoint that left are closed in somebody's send, who may be cancelled."""
    server = serve(*[replies(200)] * 4)
    one = wired(server.url)
    held = [await one.send() for _ in range(3)]
    for response in held:
        await one.read(response)
    close, left = one.wire._close, []

    def cut_off(link: Any) -> Any:
        if not left:
            left.append(link)
            raise KeyboardInterrupt
        return close(link)

    monkeypatch.setattr(one.wire, "_close", cut_off)
    with pytest.raises(KeyboardInterrupt):
        await shut(one.wire)
    assert (2, 2) == one.counts
    await one.call()
    assert (1, 1) == one.counts
    closing = close(left[0])
    if closing is not None:
        await closing


async def test_call_that_outlives_its_client_keeps_nothing(
    wired: Make, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection of a retry, which nobody would close any more; later calls keep theirs."""
    server = serve(replies(503), replies(200), replies(200))
    one = wired(server.url)
    meanwhile: list[Any] = []

    def pause(seconds: float) -> Any:
        meanwhile.append(seconds)
        return shut(one.wire) if one.kind == "async" else one.wire.close()

    monkeypatch.setattr(one.transport, "pause", pause)
    assert 200 == (await one.call()).status_code
    assert 1 == len(meanwhile)
    server.wait_for_close(0)
    server.wait_for_close(1)
    assert (0, 0) == one.counts
    await one.call()
    assert (1, 1) == one.counts
    await shut(one.wire)


async def test_connection_given_back_while_its_endpoint_leaves(
    wired: Make, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that retires it has closed the idle ones just before."""
    server = serve(replies(200))
    one = wired(server.url)
    count = one.wire._count

    def counted(opened: int, idle: int) -> None:
        if (opened, idle) == (0, 1):
            for stack in one.wire._stacks.values():
                stack.retired = True
        count(opened, idle)

    monkeypatch.setattr(one.wire, "_count", counted)
    assert 200 == (await one.call()).status_code
    server.wait_for_close(0)
    assert (0, 0) == one.counts
