"""
Keys of etcd.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from ..._exceptions import StoreError
from ...discovery.etcd import EtcdError, EtcdKeys, KeyValue
from ...routing.canary import Stored, Version


class EtcdStore:
    """
    Keeps contents in etcd v3, whose revisions are their versions.

    *addresses*, the members of the cluster, and *settings* are those of `EtcdKeys`:
    username, password, password_file, tls, gateway, timeout, idle_timeout.

    https://etcd.io/docs/v3.5/learning/api/#transaction
    """

    def __init__(self, addresses: Any = None, **settings: Any) -> None:
        self._keys = EtcdKeys(**settings) if addresses is None else EtcdKeys(addresses, **settings)
        servers = self._keys.addresses
        scheme = "etcds" if servers[0].startswith("https:") else "etcd"
        self._start = f"{scheme}://{','.join(one.partition('://')[2] for one in servers)}/"

    def location(self, key: str) -> str:
        """Where *key* is: `etcd://host:2379/key`."""
        return self._start + key

    async def get(self, key: str) -> Stored | None:
        """The content now, as a majority of the cluster has it."""
        try:
            return _stored(await self._keys.get(key))
        except EtcdError as exc:
            raise self._error(key, exc) from exc

    async def compare_and_set(self, key: str, content: bytes, version: Version | None) -> bool:
        """Replace the content that has *version*, None for none; False if there is another."""
        try:
            return await self._keys.replace(key, content, int(version or 0))
        except EtcdError as exc:
            raise self._error(key, exc) from exc

    async def delete(self, key: str) -> None:
        """Delete *key*, which need not be there."""
        try:
            await self._keys.delete(key)
        except EtcdError as exc:
            raise self._error(key, exc) from exc

    async def names(self, prefix: str) -> list[str]:
        """The keys that begin with *prefix*."""
        try:
            return await self._keys.names(prefix)
        except EtcdError as exc:
            raise self._error(prefix, exc) from exc

    async def watch(self, key: str) -> AsyncIterator[Stored | None]:
        """The content now and after each change, by a watch of etcd."""
        try:
            async with aclosing(cast("Any", self._keys.watch(key))) as values:
                async for value in values:
                    yield _stored(value)
        except EtcdError as exc:
            raise self._error(key, exc) from exc

    def _error(self, key: str, error: EtcdError) -> StoreError:
        return StoreError(str(error), store=self.location(key))


def _stored(value: KeyValue | None) -> Stored | None:
    return None if value is None else Stored(value.content, value.revision)
