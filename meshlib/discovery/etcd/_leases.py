"""
Keys that etcd deletes when nobody keeps their lease alive.
"""

from __future__ import annotations

from typing import Any

from ..._models import Endpoint
from ._errors import NOT_FOUND, MalformedError, RefusedError
from ._layout import to_value
from ._members import Members
from ._wire import encode, int64, mapping


class Leases:
    """
    Keys with a lease each.

    A key belongs to the lease it was put with last. So a process that registers under the
    key of a dying one keeps it, whatever becomes of the other's lease.
    """

    def __init__(self, members: Members) -> None:
        self._members = members
        self._held: dict[str, tuple[str, int]] = {}

    async def put(self, key: str, endpoint: Endpoint, ttl: float) -> None:
        """Put *key* with the lease it has, or with a new one of a second less than *ttl*."""
        seconds = max(1, int(ttl) - 1)
        held = self._held.get(key)
        if held is not None and held[1] == seconds:
            try:
                return await self._put(key, endpoint, held[0])
            except RefusedError as exc:
                if exc.code != NOT_FOUND:
                    raise
        answer = mapping(await self._members.call("/lease/grant", {"TTL": seconds}), "an answer")
        lease = answer.get("ID")
        if not isinstance(lease, str):
            raise MalformedError("a lease has an ID", answer)
        self._held[key] = (lease, seconds)
        return await self._put(key, endpoint, lease)

    async def renew(self, key: str) -> bool:
        """Keep the lease of *key* alive; False when it has ended or the key is gone."""
        held = self._held.get(key)
        if held is None:
            return False
        answer = mapping(await self._members.call("/lease/keepalive", {"ID": held[0]}), "an answer")
        # A lease that has ended is answered without a time to live.
        if int64(mapping(answer.get("result"), "a result").get("TTL"), "TTL") <= 0:
            return False
        # Somebody may have deleted the key, which the lease would survive.
        request: dict[str, Any] = {"key": encode(key.encode()), "count_only": True}
        found = mapping(await self._members.call("/kv/range", request), "an answer")
        return int64(found.get("count"), "count") > 0

    async def remove(self, key: str) -> None:
        """End the lease of *key*, and with it the key; delete a key whose lease is not ours."""
        held = self._held.pop(key, None)
        if held is None:
            await self._members.call("/kv/deleterange", {"key": encode(key.encode())})
            return
        try:
            await self._members.call("/lease/revoke", {"ID": held[0]})
        except RefusedError as exc:
            if exc.code != NOT_FOUND:
                raise

    async def _put(self, key: str, endpoint: Endpoint, lease: str) -> None:
        value = encode(to_value(endpoint))
        request = {"key": encode(key.encode()), "value": value, "lease": lease}
        await self._members.call("/kv/put", request)
