"""
What stores over the keys of a server have in common.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from ..._exceptions import DiscoveryError, StoreError
from ...routing.canary import Stored, Version


class KeysStore:
    """
    Keeps contents in the *keys* of a server, whose errors become StoreErrors.

    *start* is what a location begins with, and *version* names the attribute of a value
    that changes with its content.
    """

    def __init__(self, keys: Any, *, start: str, version: str) -> None:
        self._keys = keys
        self._start = start
        self._version = version

    def location(self, key: str) -> str:
        """Where *key* is: `scheme://server/key`."""
        return self._start + key

    async def get(self, key: str) -> Stored | None:
        """The content now, as the server has agreed on it."""
        with self._telling(key):
            return self._stored(await self._keys.get(key))

    async def compare_and_set(self, key: str, content: bytes, version: Version | None) -> bool:
        """Replace the content that has *version*, None for none; False if there is another."""
        with self._telling(key):
            replaced: bool = await self._keys.replace(key, content, int(version or 0))
            return replaced

    async def delete(self, key: str) -> None:
        """Delete *key*, which need not be there."""
        with self._telling(key):
            await self._keys.delete(key)

    async def names(self, prefix: str) -> list[str]:
        """The keys that begin with *prefix*."""
        with self._telling(prefix):
            found: list[str] = await self._keys.names(prefix)
            return found

    async def watch(self, key: str) -> AsyncIterator[Stored | None]:
        """The content now and after each change."""
        with self._telling(key):
            async with aclosing(self._keys.watch(key)) as values:
                async for value in values:
                    yield self._stored(value)

    def _stored(self, value: Any) -> Stored | None:
        return None if value is None else Stored(value.content, getattr(value, self._version))

    @contextmanager
    def _telling(self, key: str) -> Iterator[None]:
        try:
            yield
        except DiscoveryError as exc:
            raise StoreError(str(exc), store=self.location(key)) from exc
