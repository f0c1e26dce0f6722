"""The server's end of one connection, and what has arrived on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True)
class Received:
    """A request as it came over the wire; names of *headers* are in lower case."""

    connection: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Connection:
    """What one connection has seen so far; *number* counts from 0, *closed* by either end."""

    number: int
    requests: list[Received] = field(default_factory=list)
    closed: bool = False


class Gate:
    """
    Lets a test decide when a server goes on: each `open` lets one waiter pass.

    An opening that nobody waits for yet is kept. `open_for_good` lets everybody pass.
    Usable from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._openings = 0
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._for_good = False

    def open(self, times: int = 1) -> None:
        """Let *times* waiters pass, now or when they come."""
        with self._lock:
            self._openings += times
            self._let_pass()

    def open_for_good(self) -> None:
        """Let every waiter pass, now and later."""
        with self._lock:
            self._for_good = True
            self._let_pass()

    def _let_pass(self) -> None:
        # Caller must hold the lock.
        while self._waiters and (self._for_good or self._openings):
            loop, future = self._waiters.pop(0)
            self._openings -= 0 if self._for_good else 1
            with contextlib.suppress(RuntimeError):  # its server has ended
                loop.call_soon_threadsafe(_resolve, future)

    async def passed(self) -> None:
        """Wait in a server's script until the gate opens for it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiters.append((loop, future))
            self._let_pass()
        await future


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Peer:
    """What a script does things to: reads requests from, writes to, closes, resets."""

    def __init__(
        self,
        connection: Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        received: Callable[[Connection, Received], None],
    ) -> None:
        self.connection = connection
        self._reader = reader
        self._writer = writer
        self._received = received

    async def request(self) -> Received | None:
        """The next request with its whole body, recorded; None when the client has closed."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            method, target, _ = first.split(" ", 2)
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            if headers.get("expect", "").lower() == "100-continue":
                await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await self._body(headers)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        request = Received(self.connection.number, method, target, headers, body)
        self._received(self.connection, request)
        return request

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return await self._reader.readexactly(int(headers.get("content-length", "0")))
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")
        return body

    async def respond(
        self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole response; without a body where HTTP allows none."""
        last = self.connection.requests[-1] if self.connection.requests else None
        length = {} if status in (204, 304) else {"content-length": str(len(body))}
        await self.send_head(status, {**length, **(headers or {})})
        if length and (last is None or last.method != "HEAD"):
            await self.send(body)

    async def send_head(self, status: int, headers: Mapping[str, str]) -> None:
        """The status line and the headers of a response."""
        known = {item.value: item.phrase for item in HTTPStatus}
        lines = [f"HTTP/1.1 {status} {known.get(status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def send(self, data: bytes) -> None:
        """Write *data*; nothing happens when the client has gone."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def read(self) -> bytes:
        """What arrives next, of any protocol; empty when the client has closed."""
        try:
            return await self._reader.read(65536)
        except ConnectionError:
            return b""

    async def gone(self) -> None:
        """Wait until the client closes the connection."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass

    async def forever(self) -> None:
        """Wait until the server ends."""
        await asyncio.get_running_loop().create_future()

    def reset(self) -> None:
        """End the connection with a reset instead of a proper close."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
