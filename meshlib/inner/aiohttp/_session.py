"""
A session of aiohttp that does what it is told, and nothing else.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp
from yarl import URL

from ._errors import LostError

_ALWAYS = 365 * 86400.0
"""Seconds that stand for an idle connection without an end."""
_UNASKED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that a session adds where a request has none; httpx means it when it has none."""


class Session:
    """
    What the adapter takes for the maker of its session, and for that session.

    It has no cookie jar, adds no header, leaves the path of a URL as it is, and does not
    repeat a request whose connection broke: that is for the retry policy to decide.
    """

    def __init__(self, connector: aiohttp.BaseConnector, context: Callable[[], Any]) -> None:
        self._context = context
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_UNASKED,
            middlewares=(_once,),
        )

    def __call__(self) -> Any:
        """The session: the adapter asks for it at each request."""
        return self

    def request(self, *, url: str, timeout: aiohttp.ClientTimeout, **options: Any) -> Any:
        """A request, its connect timeout counted from the look-up of the name on."""
        timeout = aiohttp.ClientTimeout(connect=timeout.sock_connect, sock_read=timeout.sock_read)
        if url.startswith("https"):
            options["ssl"] = self._context()
        return self._session.request(url=URL(url, encoded=True), timeout=timeout, **options)

    async def close(self) -> None:
        """Close it, with its connections."""
        await self._session.close()


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise LostError(str(exc)) from exc


def connector_of(
    *,
    uds: str | None,
    local_address: str | None,
    keepalive: float | None,
    socket_options: Iterable[Any],
) -> aiohttp.BaseConnector:
    """What makes the connections; how many there are is bounded elsewhere."""
    kept = _ALWAYS if keepalive is None else keepalive
    if uds is not None:
        return aiohttp.UnixConnector(path=uds, keepalive_timeout=kept, limit=0)
    options = list(socket_options)

    def make_socket(address: Any) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family=family, type=kind, proto=protocol)
        for option in options:
            made.setsockopt(*option)
        return made

    return aiohttp.TCPConnector(
        local_addr=None if local_address is None else (local_address, 0),
        keepalive_timeout=kept,
        limit=0,
        socket_factory=make_socket if options else None,
    )
