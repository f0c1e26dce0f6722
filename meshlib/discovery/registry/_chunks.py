"""
What a streamed response brings, read to no certain end.
"""

from __future__ import annotations

import anyio
import httpx

_GOODBYE = 1.0
"""Seconds that closing a connection may take."""


class Chunks:
    """The chunks of *response*, whose connection is closed by `aclose`."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._chunks = aiter(response.aiter_bytes())
        self._begun = False

    async def next(self) -> bytes:
        """The next chunk; empty at the end."""
        self._begun = True
        return await anext(self._chunks, b"")

    async def aclose(self) -> None:
        """Give the rest up."""
        if self._begun:
            # httpx nests generators, and closing the outer one leaves the inner ones to the
            # garbage collector, of which trio warns; a cancelled read ends all of them.
            with anyio.CancelScope() as scope:
                scope.cancel()
                try:
                    while await self.next():
                        pass  # it was there already
                except (httpx.HTTPError, httpx.StreamError, OSError):
                    pass  # over as well
        with anyio.move_on_after(_GOODBYE, shield=True):
            await self._response.aclose()
