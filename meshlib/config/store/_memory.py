"""
Contents that only this process knows of.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

from ..._bell import Bell
from ..._fork import survive_fork
from ...routing.canary import Stored, Version


class MemoryStore:
    """
    Keeps contents in this process: for one process alone, and for tests.

    Thread-safe; watched from any number of event loops. A forked child has the contents,
    which are its own from then on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contents: dict[str, Stored] = {}
        self._count = 0
        self._bells: set[Bell] = set()
        survive_fork(self)

    def renew(self) -> None:
        """A forked child has none of those who watch."""
        self._lock = threading.Lock()
        self._bells = set()

    def location(self, key: str) -> str:
        """Where *key* is: `process:key`."""
        return f"process:{key}"

    async def get(self, key: str) -> Stored | None:
        """The content now."""
        return self._contents.get(key)

    async def compare_and_set(self, key: str, content: bytes, version: Version | None) -> bool:
        """Replace the content that has *version*, None for none; False if there is another."""
        with self._lock:
            stored = self._contents.get(key)
            if version != (None if stored is None else stored.version):
                return False
            self._count += 1
            self._contents[key] = Stored(content, self._count)
            bells = tuple(self._bells)
        _ring(bells)
        return True

    async def delete(self, key: str) -> None:
        """Delete *key*, which need not be there."""
        with self._lock:
            self._contents.pop(key, None)
            bells = tuple(self._bells)
        _ring(bells)

    async def names(self, prefix: str) -> list[str]:
        """The keys that begin with *prefix*."""
        with self._lock:
            return sorted(key for key in self._contents if key.startswith(prefix))

    async def watch(self, key: str) -> AsyncIterator[Stored | None]:
        """The content now and after each change."""
        bell = Bell()
        with self._lock:
            self._bells.add(bell)
        try:
            seen: list[Stored | None] = []
            while True:
                stored = self._contents.get(key)
                if seen != [stored]:
                    seen = [stored]
                    yield stored
                await bell.wait()
        finally:
            with self._lock:
                self._bells.discard(bell)


def _ring(bells: tuple[Bell, ...]) -> None:
    for bell in bells:
        bell.ring()
