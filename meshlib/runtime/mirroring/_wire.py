"""
The connections that copies are sent over.
"""

from __future__ import annotations

from typing import Any

import httpx

from ..._libraries import library_of
from ...routing.mirror import Answered
from ...transport import Copied, Target, WireOptions, request_maker, triples_of
from ._pair import answered

_CONNECT = 5.0
"""Seconds for a connection; what takes longer is as good as away."""
_DRAINED = 65536
"""Bytes of an answer that are read, though nobody compares it, to keep its connection."""
_IDLE = httpx.Limits(max_connections=None, max_keepalive_connections=10, keepalive_expiry=5.0)
"""The mirror bounds what is in flight; a second bound would queue what is cut off in time."""
_ABANDONED: list[object] = []
"""
Connections of a forked child's parent, kept for ever.

Collecting one could take its descriptor out of the epoll instance that the parent uses.
"""


def is_mock(transport: Any) -> bool:
    """Whether *transport* is a `MockTransport`, of whichever library."""
    return isinstance(transport, library_of(transport).MockTransport)


def never_reached(error: Exception | None) -> bool:
    """Whether *error*, of whichever library, says that nobody listens there."""
    http = library_of(error)
    return isinstance(error, http.ConnectError | http.ConnectTimeout)


class Sent:
    """What is known of a copy that is sent: as much as there is when it ends."""

    __slots__ = ("answer", "status", "target")

    def __init__(self) -> None:
        self.target: Target | None = None
        self.status: int | None = None
        self.answer: Answered | None = None


class MirrorWire:
    """
    Sends copies by the options of a client's own connections, or by a *given* transport.

    For one event loop. httpx's own transports do, as a few connections are all there is.
    """

    def __init__(self, options: WireOptions, given: Any) -> None:
        self._options = options
        self._given = given
        self._made: dict[tuple[bool, str], httpx.AsyncBaseTransport] = {}

    async def send(
        self,
        copied: Copied,
        target: Target,
        headers: list[tuple[bytes, bytes, bytes]],
        authority: bytes | None,
        timeout: float,
        most: int | None,
        sent: Sent,
    ) -> None:
        """
        Send a copy to *target* and note in *sent* the status, and then the answer.

        Keeps *most* bytes of its body. Raises as httpx does.
        """
        connect = min(timeout, _CONNECT)
        extensions: dict[str, Any] = {
            "timeout": {"connect": connect, "read": timeout, "write": timeout, "pool": timeout}
        }
        if authority is not None:
            host = authority.decode("ascii")
            name, colon, port = host.rpartition(":")
            extensions["sni_hostname"] = name if colon and port.isdigit() else host
        http = httpx if self._given is None else library_of(self._given)
        url = http.URL(
            scheme=target.scheme.decode("ascii"),
            host=target.host.decode("ascii"),
            port=target.port or None,
            raw_path=target.prefix + copied.path,
        )
        body = http.ByteStream(copied.body or b"")
        request_of = request_maker(http.Request, http.Headers)
        request = request_of(copied.method, url, headers, body, extensions)
        response = await self._transport(target).handle_async_request(request)
        sent.status = status = response.status_code
        triples = triples_of(response.headers)
        try:
            kept = await _read(response, _DRAINED if most is None else most)
        finally:
            await response.aclose()
        sent.answer = answered(status, triples, kept, most)

    def _transport(self, target: Target) -> Any:
        if self._given is not None:
            return self._given
        options = self._options
        scheme, host = target.scheme.decode("ascii"), target.host.decode("ascii")
        proxy = None
        if options.uds is None and options.local_address is None:
            proxy = options.proxy_for(scheme, host, target.port)
        secure = scheme in ("https", "wss") or proxy is not None
        key = (secure, "" if proxy is None else str(proxy.url))
        made = self._made.get(key)
        if made is None:
            arguments = options.as_given() | {
                # Without TLS nothing is verified, and no authorities need be loaded.
                "verify": options.context() if secure else False,
                "cert": None,
                "limits": _IDLE,
                "proxy": proxy,
                "retries": 0,
                "trust_env": False,
            }
            made = self._made[key] = httpx.AsyncHTTPTransport(**arguments)
        return made

    async def aclose(self) -> None:
        """Close what was made here."""
        made, self._made = self._made, {}
        for transport in made.values():
            await transport.aclose()

    def abandon(self) -> None:
        """Touch nothing of it any more, in a forked child."""
        _ABANDONED.append(self._made)
        self._made = {}


async def _read(response: Any, most: int) -> bytes | None:
    """The body as it was sent; None, and its rest unread, when it is longer than *most*."""
    stream = response.stream
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > most:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
