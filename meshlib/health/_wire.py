"""
The connection of a check.
"""

from __future__ import annotations

import os
import select
import ssl
from typing import Any

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

from ._checker import CheckFailedError
from ._place import Place

_CHUNK = 65536


class Wire:
    """A TCP connection, with TLS or without."""

    __slots__ = ("_stream",)

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    @classmethod
    async def open(
        cls, place: Place, context: ssl.SSLContext | None = None, name: str | None = None
    ) -> Wire:
        """Connect, and speak TLS when there is a *context*, to the server called *name*."""
        try:
            stream: ByteStream = await anyio.connect_tcp(place.host, place.port)
        except OSError as exc:
            # AnyIO says of every failure that all attempts failed, and why in its cause.
            cause = exc.__cause__ or exc
            raise CheckFailedError(f"cannot connect: {_text(cause)}") from exc
        if context is not None:
            stream = await _secured(stream, context, name or place.host)
        return cls(stream)

    @property
    def is_stale(self) -> bool:
        """Whether there is something to read, which on an idle connection is its end."""
        # On Trio and asyncio alike AnyIO reads nothing ahead, so the socket itself knows.
        socket = self._told(SocketAttribute.raw_socket)
        if not hasattr(select, "poll"):  # pragma: no cover -- Windows has no poll()
            return bool(select.select([socket], [], [], 0)[0])
        poll = select.poll()
        poll.register(socket, select.POLLIN)
        return bool(poll.poll(0))

    @property
    def protocol(self) -> Any:
        """What was agreed on by ALPN; None without TLS too."""
        return self._told(TLSAttribute.alpn_protocol)

    @property
    def certificate(self) -> dict[str, Any]:
        """The verified certificate of the server, as `ssl` describes it; else empty."""
        return self._told(TLSAttribute.peer_certificate) or {}

    def _told(self, attribute: object) -> Any:
        attributes: Any = self._stream.extra_attributes
        tell = attributes.get(attribute)
        return None if tell is None else tell()

    async def send(self, data: bytes) -> None:
        """Write all of *data*."""
        await self._stream.send(data)

    async def receive(self) -> bytes:
        """Some bytes, or none at the end."""
        try:
            return await self._stream.receive(_CHUNK)
        except anyio.EndOfStream:
            return b""

    async def aclose(self) -> None:
        """Close it without waiting for the other side. Idempotent."""
        await anyio.aclose_forcefully(self._stream)


async def _secured(stream: ByteStream, context: ssl.SSLContext, name: str) -> TLSStream:
    try:
        # Without a farewell of TLS: a check keeps no count of what it has received.
        return await TLSStream.wrap(
            stream, hostname=name, ssl_context=context, standard_compatible=False
        )
    except BaseException as exc:
        with anyio.CancelScope(shield=True):
            await anyio.aclose_forcefully(stream)
        if isinstance(exc, ssl.SSLCertVerificationError):
            raise CheckFailedError(f"the certificate is refused: {exc.verify_message}") from exc
        if isinstance(exc, ssl.SSLError | anyio.BrokenResourceError | anyio.EndOfStream):
            raise CheckFailedError(f"the TLS handshake failed: {_text(exc)}") from exc
        raise


def _text(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(_text(each) for each in error.exceptions))
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)  # the libraries' own texts differ
    return str(error) or type(error).__name__
