"""
The network of asyncio, as httpcore wants one: what opens a `Stream`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Iterable
from functools import lru_cache, partial
from itertools import zip_longest
from typing import Any

import anyio

from ._stream_asyncio import Stream

_NEXT_ADDRESS = 0.25
"""Seconds until another address of a name is tried beside the first (RFC 8305 section 8)."""


def network_of(core: Any) -> Any:
    """The network of the event loop that runs now, with the errors of *core*."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return core.AnyIOBackend()
    return _network(core)


@lru_cache(maxsize=4)
def _network(core: Any) -> Network:
    return Network(core)


class Network:
    """The network of asyncio, as httpcore wants one."""

    def __init__(self, core: Any) -> None:
        self._core = core

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Stream:
        """Connect to whichever address of *host* answers first."""
        try:
            with anyio.fail_after(timeout):
                sock = await self._connected(host, port, local_address)
                stream = await self._stream_of(sock)
        except TimeoutError as exc:
            raise self._core.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise self._core.ConnectError(str(exc)) from exc
        for option in socket_options or ():
            sock.setsockopt(*option)
        return stream

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Stream:
        """Connect to a Unix socket."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with anyio.fail_after(timeout):
                await _joined(sock, path, None)
                stream = await self._stream_of(sock)
        except TimeoutError as exc:
            raise self._core.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise self._core.ConnectError(str(exc)) from exc
        for option in socket_options or ():
            sock.setsockopt(*option)
        return stream

    async def _stream_of(self, sock: socket.socket) -> Stream:
        loop = asyncio.get_running_loop()
        try:
            _, stream = await loop.create_connection(partial(Stream, self._core, loop), sock=sock)
        except BaseException:
            sock.close()
            raise
        return stream

    @staticmethod
    async def _connected(host: str, port: int, local: str | None) -> socket.socket:
        known = literal(host, port)
        if known is not None:
            addresses = [known]
        else:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = in_turn([(family, address) for family, _, _, _, address in found])
        try:
            return await first_of([_opened(address, local) for address in addresses])
        except (OSError, ExceptionGroup) as exc:
            raise OSError("All connection attempts failed") from exc


Address = tuple[int, Any]
"""A family of addresses, and an address as sockets take it."""


def literal(host: str, port: int) -> Address | None:
    """The address that *host* is already, which saves asking; None for a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return family, (host, port)
    return None


def in_turn(addresses: list[Address]) -> list[Address]:
    """One family after the other, and IPv6 first (RFC 8305 section 4)."""
    sixes = [each for each in addresses if each[0] == socket.AF_INET6]
    others = [each for each in addresses if each[0] != socket.AF_INET6]
    turns = zip_longest(sixes, others)
    return [each for turn in turns for each in turn if each is not None]


async def first_of(attempts: list[Coroutine[Any, Any, socket.socket]]) -> socket.socket:
    """
    The socket that is connected first; each attempt begins when the last one fails or is slow.

    Whatever ends this, no other socket stays open.
    """
    if len(attempts) == 1:
        return await attempts[0]
    begun: list[asyncio.Task[socket.socket]] = []
    errors: list[Exception] = []
    chosen: asyncio.Task[socket.socket] | None = None
    left = iter(attempts)
    pending: set[asyncio.Task[socket.socket]] = set()
    try:
        while chosen is None:
            attempt = next(left, None)
            if attempt is not None:
                begun.append(asyncio.ensure_future(attempt))
                pending.add(begun[-1])
            elif not pending:
                raise ExceptionGroup("multiple connection attempts failed", errors)
            done, pending = await asyncio.wait(
                pending,
                timeout=None if attempt is None else _NEXT_ADDRESS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                error = task.exception()
                if error is None:
                    chosen = chosen or task
                elif isinstance(error, OSError):
                    errors.append(error)
                else:
                    raise error
        return chosen.result()
    finally:
        for attempt in left:
            attempt.close()
        for task in begun:
            if task is not chosen:
                task.cancel()
                task.add_done_callback(_close)


def _close(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _opened(address: Address, local: str | None) -> socket.socket:
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    await _joined(sock, place, local)
    return sock


async def _joined(sock: socket.socket, place: Any, local: str | None) -> None:
    """Connect *sock*, or close it."""
    try:
        sock.setblocking(False)
        if local is not None:
            sock.bind((local, 0))
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
