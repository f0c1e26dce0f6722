"""
The body of a response that came over aiohttp.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from ._errors import reraise


class Body:
    """Yields what the adapter's stream yields; closing it gives the connection back, once."""

    def __init__(self, stream: Any, library: Any, release: Callable[[], None]) -> None:
        self._stream = stream
        self._library = library
        self._release: Callable[[], None] | None = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except Exception as exc:
            reraise(exc, self._library)

    async def aclose(self) -> None:
        """End the exchange; a connection with an unread body is closed."""
        if self._release is not None:
            try:
                await self._stream.aclose()
            except Exception as exc:
                reraise(exc, self._library)
            finally:
                self.forget()

    def forget(self) -> None:
        """The response was dropped without being closed."""
        release, self._release = self._release, None
        if release is not None:
            release()
