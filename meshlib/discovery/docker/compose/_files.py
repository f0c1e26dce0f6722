"""
Waiting until one of several files holds something else.
"""

from __future__ import annotations

from collections.abc import Mapping

import anyio

from ..._file_watcher import Content, alike
from ..._shared_file import SharedFile


class Files:
    """
    What one reader follows of the files that *shared* has for everybody on one event loop.

    `leave` ends it.
    """

    def __init__(self, shared: dict[str, SharedFile]) -> None:
        self._shared = shared
        self._seen: dict[str, int] = {}

    async def changed(self, consulted: Mapping[str, Content]) -> None:
        """Wait until one of the files holds something else than what was *consulted*."""
        async with anyio.create_task_group() as group:

            async def follow(path: str, content: Content) -> None:
                if path not in self._seen:
                    self._shared.setdefault(path, SharedFile(path)).join()
                    self._seen[path] = 0
                while True:
                    # What was seen to differ must not be seen again: reading the file
                    # may have found what its watcher will know a moment later only.
                    self._seen[path], now = await self._shared[path].newer(self._seen[path])
                    if not alike(now, content):
                        break
                group.cancel_scope.cancel()

            for path, content in consulted.items():
                group.start_soon(follow, path, content)

    async def leave(self) -> None:
        """Follow nothing any more."""
        with anyio.CancelScope(shield=True):
            while self._seen:
                await self._shared[self._seen.popitem()[0]].leave()
