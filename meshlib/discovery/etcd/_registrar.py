"""
Instances as keys that live as long as their lease.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from ..._exceptions import DiscoveryError
from .._timing import Timing
from ..registration import Instance, RegistrarSession
from ._cluster import GATEWAY, LOCAL, PREFIX, TIMEOUT, Cluster, checked_prefix
from ._errors import EtcdError
from ._layout import key_prefix
from ._leases import Leases
from ._members import Members


class EtcdRegistrar:
    """
    Registers instances in etcd v3, where `EtcdDiscovery` finds them.

    The key is `<prefix>/<service>/<id>`, the value `{"url", "weight", "priority", "kind",
    "metadata"}`. It is tied to a lease of a second less than the instance's `ttl`, since
    etcd looks for leases that have ended every half second; but etcd grants none that is
    shorter than one and a half elections, which are 2 s by default.

    The settings are those of `EtcdDiscovery`. A user needs to read and write the prefix.
    """

    name = "etcd"

    def __init__(
        self,
        addresses: str | Sequence[str] = LOCAL,
        *,
        prefix: str = PREFIX,
        username: str | None = None,
        password: str | None = None,
        password_file: str | None = None,
        tls: Any = None,
        gateway: str = GATEWAY,
        timeout: float | str = TIMEOUT,
        _timing: Timing | None = None,
    ) -> None:
        self._cluster = Cluster(
            addresses,
            username=username,
            password=password,
            password_file=password_file,
            tls=tls,
            gateway=gateway,
            timeout=timeout,
        )
        self._prefix = checked_prefix(prefix)
        self._timing = Timing() if _timing is None else _timing

    def session(self) -> AbstractAsyncContextManager[RegistrarSession]:
        """A session for the event loop that enters it; entering it contacts nobody."""
        return self._session()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[RegistrarSession]:
        async with Members(self._cluster, self._timing) as members:
            yield _Session(Leases(members), self._prefix)


class _Session:
    """One lease for each instance; see RegistrarSession."""

    def __init__(self, leases: Leases, prefix: str) -> None:
        self._leases = leases
        self._prefix = prefix

    async def register(self, instance: Instance) -> None:
        try:
            await self._leases.put(self._key(instance), instance.endpoint, instance.ttl)
        except EtcdError as exc:
            raise _told(exc, instance) from exc

    async def renew(self, instance: Instance) -> bool:
        try:
            return await self._leases.renew(self._key(instance))
        except EtcdError as exc:
            raise _told(exc, instance) from exc

    async def deregister(self, instance: Instance) -> None:
        try:
            await self._leases.remove(self._key(instance))
        except EtcdError as exc:
            raise _told(exc, instance) from exc

    def _key(self, instance: Instance) -> str:
        return key_prefix(self._prefix, instance.service) + instance.id


def _told(error: EtcdError, instance: Instance) -> DiscoveryError:
    return DiscoveryError(str(error), service=instance.service, source="etcd")
