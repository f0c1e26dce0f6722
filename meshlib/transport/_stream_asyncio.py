"""
A connection of asyncio, read and written without a task, a scope or a timer for each step.

What arrives is kept as it comes, up to a limit, so a read of what is there already does
not suspend. One that has to wait does so on a plain future, and one timer of the stream
serves many waits: it looks when it fires whether somebody is late by then.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import anyio
import anyio.lowlevel

from ._wire_request import is_readable

_MOST_UNREAD = 256 * 1024
"""Bytes that wait to be read before the peer is held up."""
_PIECE = 1024 * 1024
"""Bytes that are written at once: the event loop copies what the kernel does not take."""


class Stream(asyncio.Protocol):
    """
    One connected socket, in plain text or in TLS, of one event loop.

    Reads and writes raise the errors of *core*, which is httpcore or a module with its
    names. One task reads at a time, and one writes.
    """

    def __init__(self, core: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._core = core
        self._loop = loop
        self._transport: Any = None
        self._unread: list[bytes] = []
        self._size = 0
        self._held = False
        self._ended = False
        self._lost = False
        self._error: Exception | None = None
        self._full = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._read_by = self._write_by = float("inf")
        self._timer: asyncio.TimerHandle | None = None
        self._secure = False
        self._closed = False
        self._tls: Any = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Both limits are zero, so that what was written has been given to the kernel."""
        self._transport = transport
        self._transport.set_write_buffer_limits(0)

    def data_received(self, data: bytes) -> None:
        """Keep *data* until it is read."""
        self._unread.append(data)
        self._size += len(data)
        if self._size > _MOST_UNREAD and not self._held:
            self._held = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """The peer sends no more; a plain connection can still be written to."""
        self._ended = True
        _wake(self._reader)
        return not self._secure

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing can be read or written any more."""
        self._lost = self._ended = True
        self._error = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        """The kernel takes no more for now."""
        self._full = True

    def resume_writing(self) -> None:
        """It has taken everything."""
        self._full = False
        _wake(self._writer)

    # What httpcore calls

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to *max_bytes*; empty when the peer has ended."""
        while not self._unread:
            if self._ended:
                if self._closed or self._error is not None:
                    raise self._core.ReadError("") from self._cause()
                return b""
            self._reader = self._loop.create_future()
            try:
                if timeout is not None:
                    self._read_by = self._loop.time() + timeout
                    self._arm(self._read_by)
                await self._reader
            except TimeoutError as exc:
                raise self._core.ReadTimeout("") from exc
            finally:
                self._reader = None
                self._read_by = float("inf")
        data = self._unread[0]
        if len(data) <= max_bytes:
            del self._unread[0]
        else:
            self._unread[0] = data[max_bytes:]
            data = data[:max_bytes]
        self._size -= len(data)
        if self._held and not self._unread and not self._lost:
            self._held = False
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Return when the kernel has all of *buffer*."""
        if len(buffer) <= _PIECE:
            self._put(buffer)
            if self._full:
                await self._drain(timeout)
            return
        for piece in range(0, len(buffer), _PIECE):
            self._put(memoryview(buffer)[piece : piece + _PIECE])
            if self._full:
                await self._drain(timeout)

    def _put(self, data: bytes | memoryview) -> None:
        if self._closed or self._error is not None:
            raise self._core.WriteError("") from self._cause()
        if data and not self._transport.is_closing():  # else what the peer said last is still read
            self._transport.write(data)

    def _cause(self) -> Exception:
        """Why nothing can be read or written, as AnyIO would have it."""
        if self._error is None:
            return anyio.ClosedResourceError()
        return _broken(self._error)

    async def _drain(self, timeout: float | None) -> None:
        while self._full:
            if self._lost:
                raise self._core.WriteError("") from self._cause()
            self._writer = self._loop.create_future()
            try:
                if timeout is not None:
                    self._write_by = self._loop.time() + timeout
                    self._arm(self._write_by)
                await self._writer
            except TimeoutError as exc:
                raise self._core.WriteTimeout("") from exc
            finally:
                self._writer = None
                self._write_by = float("inf")

    def _arm(self, by: float) -> None:
        timer = self._timer
        if timer is not None:
            if timer.when() <= by:
                return
            timer.cancel()
        self._timer = self._loop.call_at(by, self._look)

    def _look(self) -> None:
        """End the waits that are late, and look again when the next one would be."""
        self._timer = None
        now = self._loop.time()
        if self._read_by <= now:
            _fail(self._reader)
        if self._write_by <= now:
            _fail(self._writer)
        by = min((by for by in (self._read_by, self._write_by) if by > now), default=float("inf"))
        if by != float("inf"):
            self._arm(by)

    async def aclose(self) -> None:
        """Close the socket at once; in TLS, having said so to the peer if it can be said."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None and not self._lost:
            self._transport.close()
            self._transport.abort()
            # In the next turn of the event loop it is closed.
            await anyio.lowlevel.cancel_shielded_checkpoint()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Stream:
        """A stream that speaks TLS over this one, which is not to be used any more."""
        core = self._core
        upper = Stream(core, self._loop)
        upper._secure = True
        try:
            with anyio.fail_after(timeout):
                transport = await self._loop.start_tls(
                    self._transport, upper, ssl_context, server_hostname=server_hostname
                )
        except BaseException as exc:
            await self.aclose()
            if isinstance(exc, TimeoutError):
                raise core.ConnectTimeout("") from exc
            if isinstance(exc, ssl.SSLError):
                raise core.ConnectError(str(exc)) from exc
            if isinstance(exc, OSError):
                raise core.ConnectError("") from _broken(exc)
            raise
        upper._transport = transport
        upper._tls = transport and transport.get_extra_info("ssl_object")
        return upper

    def fileno(self) -> int:
        """The socket's, or -1 when the connection has something unread or cannot be used."""
        if self._unread or self._ended or self._transport.is_closing():
            return -1
        sock = self._transport.get_extra_info("socket")
        return -1 if sock is None else int(sock.fileno())

    def get_extra_info(self, info: str) -> Any:
        """What httpcore and the application ask of a socket."""
        if info == "watched":
            return self
        if info == "is_readable":
            return is_readable(self)
        if info == "ssl_object":
            return self._tls
        known = _INFO.get(info)
        if known is None or (self._tls is not None and (self._closed or self._lost)):
            return None  # a closed transport of TLS knows nothing any more
        return self._transport.get_extra_info(known)


_INFO = {
    "socket": "socket",
    "client_addr": "sockname",
    "server_addr": "peername",
}
"""What httpcore calls things, and what asyncio calls them."""


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _broken(exc: Exception) -> Exception:
    broken = anyio.BrokenResourceError()
    broken.__cause__ = exc
    return broken


def _fail(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_exception(TimeoutError())
