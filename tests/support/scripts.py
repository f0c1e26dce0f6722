"""
What a `ScriptedServer` does to a connection: one coroutine function per behaviour.

A script receives the server's end of one connection, a `Peer`, and the connection is
closed when the script returns. Those that wait do so on the client or on an event of the
test, never on time, except for `drip`, whose point is that time passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from .peer import Gate, Peer

Script: TypeAlias = Callable[[Peer], Awaitable[None]]


@dataclass(frozen=True)
class Reply:
    """One response; *headers* are added to `content-length`."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def replies(
    *items: int | bytes | Reply, then_close: bool = False, gate: Gate | None = None
) -> Script:
    """
    Answer each request with the next of *items*, the last one for ever; 200 without any.

    The order is over all connections of the script. An int is a status, bytes are the
    body of a 200. *then_close*: end the connection after each response without having
    announced it, as a server whose keep-alive timeout runs out does. *gate*: answer each
    request only once the gate lets it pass.
    """
    ready = [_as_reply(item) for item in items or (200,)]
    number = 0

    async def script(peer: Peer) -> None:
        nonlocal number
        while await peer.request() is not None:
            if gate is not None:
                await gate.passed()
            reply = ready[min(number, len(ready) - 1)]
            number += 1
            await peer.respond(reply.status, reply.body, reply.headers)
            if then_close:
                return

    return script


def _as_reply(item: int | bytes | Reply) -> Reply:
    if isinstance(item, Reply):
        return item
    return Reply(item) if isinstance(item, int) else Reply(body=item)


def echo() -> Script:
    """Answer each request with its own body."""

    async def script(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            await peer.respond(200, request.body)

    return script


def never_answer() -> Script:
    """Read one request and say nothing until the client goes away."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    return script


def never_read() -> Script:
    """Accept, and neither read nor answer until the server ends."""

    async def script(peer: Peer) -> None:
        await peer.forever()

    return script


def close_at_once() -> Script:
    """Accept, and close before any byte."""

    async def script(peer: Peer) -> None:
        return

    return script


def close_after_request() -> Script:
    """Read one request, then close without an answer."""

    async def script(peer: Peer) -> None:
        await peer.request()

    return script


def reset_after_request() -> Script:
    """Read one request, then reset the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    return script


def close_after_headers(status: int = 200, length: int = 100) -> Script:
    """Answer with headers that announce *length* bytes, then close."""
    return half_body(b"", length, status)


def half_body(sent: bytes = b"half", length: int = 100, status: int = 200) -> Script:
    """Announce *length* bytes, send *sent*, then close."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send_head(status, {"content-length": str(length)})
        await peer.send(sent)

    return script


def drip(
    chunks: Iterable[bytes], *, interval: float = 0.0, gate: Gate | None = None, status: int = 200
) -> Script:
    """
    Answer with *chunks*, waiting *interval* seconds or once for *gate* before each.

    With a gate the test decides when each chunk goes: every `gate.open()` lets one pass.
    """
    parts = list(chunks)

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send_head(status, {"content-length": str(sum(map(len, parts)))})
            for part in parts:
                await (asyncio.sleep(interval) if gate is None else gate.passed())
                await peer.send(part)

    return script


def chunked(*chunks: bytes, complete: bool = True) -> Script:
    """Answer each request in chunked coding; without its end, and closed, unless *complete*."""

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send_head(200, {"transfer-encoding": "chunked"})
            for chunk in chunks:
                await peer.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            if not complete:
                return
            await peer.send(b"0\r\n\r\n")

    return script


def says(data: bytes) -> Script:
    """Read one request and answer with *data* as it is, which need not be HTTP."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(data)

    return script
