"""
One watch of a file for everybody on one event loop who wants to know.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import cast

import anyio

from ._file_watcher import Content, alike, watch_file


class SharedFile:
    """
    The content of a file and its version, which counts up from 1.

    Whoever waits first does the waiting for all; when he is cancelled, the next one does.
    Belongs to one event loop.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._turn = anyio.Lock()
        self._contents: AsyncGenerator[Content, None] | None = None
        self._readers = 0
        self._version = 0
        self._content: Content = b""

    async def newer(self, seen: int) -> tuple[int, Content]:
        """Wait for a version after *seen*; 0 is before the first."""
        while self._version <= seen:
            async with self._turn:
                if self._version <= seen:
                    await self._next()
        return self._version, self._content

    async def _next(self) -> None:
        if self._contents is None:
            self._contents = cast("AsyncGenerator[Content, None]", watch_file(self._path))
        try:
            content = await anext(self._contents)
        except BaseException:
            # A generator that raised, be it for a cancellation, has ended.
            self._contents = None
            raise
        if self._version == 0 or not alike(content, self._content):
            self._version += 1
            self._content = content

    def join(self) -> None:
        """Say that one more reader has come."""
        self._readers += 1

    async def leave(self) -> None:
        """Say that a reader has gone; after the last one nothing is watched."""
        self._readers -= 1
        if self._readers == 0 and self._contents is not None:
            contents, self._contents = self._contents, None
            self._version = 0
            await contents.aclose()
