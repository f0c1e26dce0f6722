"""
A check by a TCP connection.
"""

from __future__ import annotations

import anyio

from .._models import Endpoint
from ._checker import CheckFailedError
from ._options import TcpCheckOptions
from ._place import place_of
from ._wire import Wire

_MAX_RECEIVED = 65536
"""Bytes in which the expected ones must be found."""


class TcpChecker:
    """Connects, then sends and waits for what the options say; keeps no connection."""

    def __init__(self, options: TcpCheckOptions, *, port: int | None) -> None:
        self.stage = ""
        self._options = options
        self._port = port

    async def check(self, endpoint: Endpoint) -> None:
        """Pass when the connection is accepted, and what is expected comes."""
        self.stage = "connecting"
        wire = await Wire.open(place_of(endpoint, port=self._port))
        try:
            await self._converse(wire)
        except anyio.BrokenResourceError:
            raise CheckFailedError("the connection was reset") from None
        finally:
            with anyio.CancelScope(shield=True):
                await wire.aclose()

    async def _converse(self, wire: Wire) -> None:
        options = self._options
        if options.send:
            self.stage = "sending"
            await wire.send(options.send)
        self.stage = "waiting for what it should send"
        received = b""
        while options.receive not in received:
            data = await wire.receive()
            received += data
            if not data or len(received) > _MAX_RECEIVED:
                raise CheckFailedError(f"{options.receive!r} was not received")

    async def aclose(self) -> None:
        """There is nothing to close."""
