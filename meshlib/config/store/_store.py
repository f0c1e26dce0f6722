"""
What a store can do, and one key of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol, cast

from ...routing.canary import Stored, Version


class Store(Protocol):
    """
    Keeps small contents by key, for several processes.

    Everything raises StoreError for what the store does not do. Nothing is bound to an
    event loop, so a store may be used on several loops at once, and after a fork.
    """

    def location(self, key: str) -> str:
        """Where *key* is, for people; without credentials."""

    async def get(self, key: str) -> Stored | None:
        """The content now, which must not be an old one; None for none."""

    async def compare_and_set(self, key: str, content: bytes, version: Version | None) -> bool:
        """Replace the content that has *version*, None for none; False if there is another."""

    async def delete(self, key: str) -> None:
        """Delete *key*, which need not be there."""

    async def names(self, prefix: str) -> list[str]:
        """The keys that begin with *prefix*, which ends with a slash."""

    def watch(self, key: str) -> AsyncIterator[Stored | None]:
        """The content now and after each change, None for none; of several only the last."""


class StoreKey:
    """
    One key of a store: what a document or a shared state is read from and written to.

    A `CanaryStore`. Thread-safe, and free of event loops, as its store is.
    """

    __slots__ = ("key", "store")

    def __init__(self, store: Store, key: str) -> None:
        self.store = store
        self.key = key

    @property
    def location(self) -> str:
        """Where it is, for people; without credentials."""
        return self.store.location(self.key)

    async def get(self) -> Stored | None:
        """The content now; None for none."""
        return await self.store.get(self.key)

    async def compare_and_set(self, content: bytes, version: Version | None) -> bool:
        """Replace the content that has *version*, None for none; False if there is another."""
        return await self.store.compare_and_set(self.key, content, version)

    async def delete(self) -> None:
        """Delete the key, which need not be there."""
        await self.store.delete(self.key)

    async def watch(self) -> AsyncIterator[Stored]:
        """The content now and after each change; that it is deleted is not told."""
        async with aclosing(cast("Any", self.store.watch(self.key))) as contents:
            async for stored in contents:
                if stored is not None:
                    yield stored

    def follow(self) -> AsyncIterator[Stored | None]:
        """As `watch`, and None whenever there is no content."""
        return self.store.watch(self.key)

    def beside(self, suffix: str) -> StoreKey:
        """The key whose name is that of this one and *suffix*."""
        return StoreKey(self.store, self.key + suffix)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoreKey):
            return NotImplemented
        return self.store is other.store and self.key == other.key

    def __hash__(self) -> int:
        return hash((id(self.store), self.key))

    def __repr__(self) -> str:
        return f"<StoreKey {self.location}>"
