"""
Keys of Consul.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from ..._exceptions import StoreError
from ...discovery.consul import ConsulError, ConsulKeys, KeyValue
from ...routing.canary import Stored, Version


class ConsulStore:
    """
    Keeps contents in the KV store of Consul, whose `ModifyIndex` is their version.

    *address*, the agent, and *settings* are those of `ConsulKeys`: token, token_file,
    datacenter, namespace, partition, tls, wait, min_interval, timeout; what they do not
    say, the variables `CONSUL_*` do.

    https://developer.hashicorp.com/consul/api-docs/kv
    """

    def __init__(self, address: str | None = None, **settings: Any) -> None:
        self._keys = ConsulKeys(address, **settings)
        scheme, _, server = self._keys.address.partition("://")
        self._start = f"{'consuls' if scheme == 'https' else 'consul'}://{server.lstrip('/')}/"

    def location(self, key: str) -> str:
        """Where *key* is: `consul://host:8500/key`."""
        return self._start + key

    async def get(self, key: str) -> Stored | None:
        """The content now, which the leader makes sure of."""
        try:
            return _stored(await self._keys.get(key))
        except ConsulError as exc:
            raise self._error(key, exc) from exc

    async def compare_and_set(self, key: str, content: bytes, version: Version | None) -> bool:
        """Replace the content that has *version*, None for none; False if there is another."""
        try:
            return await self._keys.replace(key, content, int(version or 0))
        except ConsulError as exc:
            raise self._error(key, exc) from exc

    async def delete(self, key: str) -> None:
        """Delete *key*, which need not be there."""
        try:
            await self._keys.delete(key)
        except ConsulError as exc:
            raise self._error(key, exc) from exc

    async def names(self, prefix: str) -> list[str]:
        """The keys that begin with *prefix*."""
        try:
            return await self._keys.names(prefix)
        except ConsulError as exc:
            raise self._error(prefix, exc) from exc

    async def watch(self, key: str) -> AsyncIterator[Stored | None]:
        """The content now and after each change, by blocking queries."""
        try:
            async with aclosing(cast("Any", self._keys.watch(key))) as values:
                async for value in values:
                    yield _stored(value)
        except ConsulError as exc:
            raise self._error(key, exc) from exc

    def _error(self, key: str, error: ConsulError) -> StoreError:
        return StoreError(str(error), store=self.location(key))


def _stored(value: KeyValue | None) -> Stored | None:
    return None if value is None else Stored(value.content, value.modified)
