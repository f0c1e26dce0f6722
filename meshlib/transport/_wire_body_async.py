"""
The body of a response on one of our own connections.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ._sdk import Sdk


class AsyncWireBody:
    """Yields the chunks, raising errors as the library does; closing gives the link back."""

    __slots__ = ("_closed", "_link", "_sdk", "_stack", "_stream", "_wire")

    def __init__(self, wire: Any, stack: Any, link: Any, stream: Any, sdk: Sdk) -> None:
        self._wire = wire
        self._stack = stack
        self._link = link
        self._stream = stream
        self._sdk = sdk
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
            self._link.ended = True
        except Exception as exc:
            error = self._wire.strange(self._link, exc) or self._sdk.wire_errors.get(type(exc))
            if error is None:
                raise
            raise error(str(exc)) from exc

    def hurry(self, instant: float) -> None:
        """End what is left of it by *instant*."""
        if instant < self._link.deadline:
            self._link.deadline = instant

    async def aclose(self) -> None:
        """End the exchange; a body that was read to its end leaves the connection usable."""
        if not self._closed:
            self._closed = True
            close = getattr(self._stream, "aclose", None)
            try:
                if close is not None:
                    await close()
            finally:
                await self._wire.give_back(self._stack, self._link)

    def forget(self) -> None:
        """The response was dropped without being closed."""
        if not self._closed:
            self._closed = True
            self._wire.forget(self._stack, self._link)
