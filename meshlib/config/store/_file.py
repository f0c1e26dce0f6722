"""
Contents in files that several processes share.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import anyio.to_thread

from ..._exceptions import StoreError
from ...discovery import Timing, watch_file
from ...routing.canary import Stored, Version
from ._replace import BusyError, locked, replace_file

_TIMEOUT = 5.0
"""Seconds that a change waits for its turn; one takes milliseconds."""
_FIRST, _LONGEST = 0.002, 0.05
"""Seconds between two looks at a lock that somebody else has."""


class FileStore:
    """
    Keeps each key in a file of its own below *directory*, for the processes of a machine.

    A file is replaced as a whole, by a rename, and is on the disk when that is done; a
    reader sees the old content or the new one. The lock file `.meshlib.lock` beside it
    makes comparing and replacing one step, among programs that use this. *timeout*:
    seconds that a change waits for the lock while somebody hangs.

    A version is a digest of the content: one that was replaced, and then put back, counts
    as never changed. Needs POSIX locks to change anything, so not a network file system
    without them, and not Windows.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        timeout: float = _TIMEOUT,
        _timing: Timing | None = None,
    ) -> None:
        self._directory = Path(directory)
        self._timeout = timeout
        self._timing = Timing() if _timing is None else _timing

    def location(self, key: str) -> str:
        """Where *key* is: the path of its file."""
        return str(self._directory / key)

    async def get(self, key: str) -> Stored | None:
        """The content now."""
        try:
            content = await anyio.to_thread.run_sync(_read, self._path(key))
        except OSError as exc:
            raise self._error(key, exc) from exc
        return _stored(content)

    async def compare_and_set(self, key: str, content: bytes, version: Version | None) -> bool:
        """Replace the content that has *version*, None for none; False if there is another."""

        def change(path: Path) -> bool:
            stored = _stored(_read(path))
            if version != (None if stored is None else stored.version):
                return False
            replace_file(path, content)
            return True

        return await self._change(key, change)

    async def delete(self, key: str) -> None:
        """Delete *key*, which need not be there."""

        def change(path: Path) -> bool:
            path.unlink(missing_ok=True)
            return True

        await self._change(key, change)

    async def names(self, prefix: str) -> list[str]:
        """The keys that begin with *prefix*, a directory."""

        def listed() -> list[str]:
            try:
                with os.scandir(self._path(prefix)) as entries:
                    files = [one.name for one in entries if one.is_file()]
            except FileNotFoundError:
                return []
            return sorted(prefix + name for name in files if not name.startswith("."))

        try:
            return await anyio.to_thread.run_sync(listed)
        except OSError as exc:
            raise self._error(prefix, exc) from exc

    async def watch(self, key: str) -> AsyncIterator[Stored | None]:
        """The content now and after each change, whoever made it and how."""
        async with aclosing(cast("Any", watch_file(self._path(key)))) as contents:
            async for content in contents:
                if isinstance(content, FileNotFoundError):
                    yield None
                elif isinstance(content, OSError):
                    raise self._error(key, content) from content
                else:
                    yield _stored(content)

    async def _change(self, key: str, change: Callable[[Path], bool]) -> bool:
        """Do *change* to the file while nobody else does."""
        # The file that a link leads to is what is replaced, not the link.
        path = self._path(key)
        until = self._timing.clock() + self._timeout
        pause = _FIRST
        while True:
            try:
                return await anyio.to_thread.run_sync(locked, path, change)
            except BusyError:
                if self._timing.clock() >= until:
                    raise StoreError(
                        f"somebody else has held its lock for {self._timeout:g} s",
                        store=self.location(key),
                    ) from None
            except OSError as exc:
                raise self._error(key, exc) from exc
            await self._timing.pause(pause, jitter=1.0)
            pause = min(pause * 2, _LONGEST)

    def _path(self, key: str) -> Path:
        path = self._directory / key
        if Path(key).is_absolute() or ".." in Path(key).parts:
            raise StoreError("a key leads to a place below its directory", store=key)
        return path

    def _error(self, key: str, error: OSError) -> StoreError:
        return StoreError(error.strerror or str(error), store=self.location(key))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _stored(content: bytes | None) -> Stored | None:
    if content is None:
        return None
    return Stored(content, hashlib.blake2b(content, digest_size=16).hexdigest())
