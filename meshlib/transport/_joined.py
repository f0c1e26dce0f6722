"""
A body that was read in part, to be sent after all.
"""

from __future__ import annotations

from typing import Any


class Joined:
    """A body of which the beginning has been read already."""

    def __init__(self, chunks: list[bytes], rest: Any) -> None:
        self._chunks = chunks
        self._rest = rest

    def __iter__(self) -> Any:
        for chunk in self._chunks:
            yield chunk
        for chunk in self._rest:
            yield chunk


class AsyncJoined:
    """A body of which the beginning has been read already."""

    def __init__(self, chunks: list[bytes], rest: Any) -> None:
        self._chunks = chunks
        self._rest = rest

    async def __aiter__(self) -> Any:
        for chunk in self._chunks:
            yield chunk
        async for chunk in self._rest:
            yield chunk
