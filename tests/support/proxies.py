"""Proxies for tests of clients: scripts of a `ScriptedServer`, which records what it is asked."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

from .peer import Peer, Received
from .scripts import Script


def http_proxy(*, credentials: str | None = None) -> Script:
    """
    Forward what has an absolute target, and open a tunnel for CONNECT.

    *credentials* is the Proxy-Authorization it asks for; 407 without it.
    """

    async def script(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            if credentials and request.headers.get("proxy-authorization") != credentials:
                await peer.respond(407)
            elif request.method == "CONNECT":
                host, _, port = request.target.rpartition(":")
                await _tunnel(peer, host, int(port), b"HTTP/1.1 200 Connected\r\n\r\n")
                return
            else:
                await _forward(peer, request)

    return script


def socks_proxy(asked: list[tuple[str, int]], *, password: str = "") -> Script:
    """
    Speak SOCKS5 (RFC 1928): note the address in *asked*, and open a tunnel to it.

    With *password* the user is `ada` (RFC 1929).
    """

    async def script(peer: Peer) -> None:
        reader = peer._reader
        await reader.readexactly((await reader.readexactly(2))[1])
        await peer.send(b"\x05\x02" if password else b"\x05\x00")
        if password:
            given = b"\x01\x03ada" + bytes([len(password)]) + password.encode()
            right = await reader.readexactly(len(given)) == given
            await peer.send(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return
        kind = (await reader.readexactly(4))[3]
        if kind == 1:
            host = ".".join(str(part) for part in await reader.readexactly(4))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        asked.append((host, port))
        await _tunnel(peer, host, port, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")

    return script


async def _forward(peer: Peer, request: Received) -> None:
    """Ask the server, one connection for one request, and pass on what it says."""
    url = urlsplit(request.target)
    path = url.path + (f"?{url.query}" if url.query else "")
    headers = {**request.headers, "connection": "close", "via": "1.1 proxy"}
    head = [f"{request.method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + request.body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in answer.lower().split(b"\r\n") if b"content-length" in line)
    await peer.send(answer + await reader.readexactly(int(length.partition(b":")[2])))
    writer.close()


async def _tunnel(peer: Peer, host: str, port: int, greeting: bytes) -> None:
    """Carry bytes both ways until either side ends."""
    reader, writer = await asyncio.open_connection(host, port)
    await peer.send(greeting)
    ways = [
        asyncio.ensure_future(_carry(peer._reader, writer)),
        asyncio.ensure_future(_carry(reader, peer._writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        writer.close()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
