"""
The client's end of a connection, as httpcore knows connections.

httpcore itself speaks HTTP over it, so that timeouts, broken responses and half-sent
requests raise what they raise over a socket.
"""

from __future__ import annotations

from typing import Any

import anyio
import httpcore

from . import _ends
from ._pipe import End


class _Known:
    """What can be asked of a connection."""

    def __init__(self, end: End, info: dict[str, Any]) -> None:
        self._end = end
        self._info = info

    def get_extra_info(self, info: str) -> Any:
        """The addresses of both ends; there is no socket and no TLS object."""
        return self._info.get(info)


class PipeStream(_Known, httpcore.NetworkStream):
    """A connection in memory, for a thread."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has arrived; raises ReadTimeout after *timeout* seconds of nothing."""
        try:
            return _ends.read(self._end, max_bytes, timeout)
        except TimeoutError as exc:
            raise httpcore.ReadTimeout(str(exc)) from exc

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send; raises WriteTimeout when there is no room for *timeout* seconds."""
        try:
            _ends.write(self._end, buffer, timeout)
        except TimeoutError as exc:
            raise httpcore.WriteTimeout(str(exc)) from exc
        except BrokenPipeError as exc:
            raise httpcore.WriteError(str(exc)) from exc

    def close(self) -> None:
        """Leave; the application gets to know."""
        self._end.close()


class AsyncPipeStream(_Known, httpcore.AsyncNetworkStream):
    """A connection in memory, for a task."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has arrived; raises ReadTimeout after *timeout* seconds of nothing."""
        try:
            with anyio.fail_after(timeout):
                return await _ends.aread(self._end, max_bytes)
        except TimeoutError as exc:
            raise httpcore.ReadTimeout(str(exc)) from exc

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send; raises WriteTimeout when *buffer* finds no room for *timeout* seconds."""
        try:
            with anyio.fail_after(timeout):
                await _ends.awrite(self._end, buffer)
        except TimeoutError as exc:
            raise httpcore.WriteTimeout(str(exc)) from exc
        except BrokenPipeError as exc:
            raise httpcore.WriteError(str(exc)) from exc

    async def aclose(self) -> None:
        """Leave; the application gets to know."""
        self._end.close()
