"""
Instances as services of an agent, with a check that lives by their heartbeats.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from ..._exceptions import DiscoveryError
from .._settings import seconds, texts
from ..registration import Instance, RegistrarSession
from ._agent import TIMEOUT, Agent
from ._errors import ConsulError, RefusedError
from ._layout import check_id, heartbeat, registration

_REAPED = 60.0
"""Seconds; Consul takes no less, and looks every 30 s."""
# Before there was a status for it, an agent answered 500 with one of these.
_UNKNOWN = ("does not have associated TTL", "Unknown check", "Unknown service")


class ConsulRegistrar:
    """
    Registers instances with the Consul agent at *address*, where `ConsulDiscovery` finds them.

    It must be the agent of this machine, and always the same: an agent answers for what was
    registered with it, and forgets it when it leaves. An instance without a heartbeat for
    its `ttl` becomes critical; *deregister_after* that many further seconds it is taken out,
    by default and at least 60, as Consul has it. *tags* are given to each instance.

    Metadata becomes Meta, of which Consul allows 64 keys of letters, digits, `-` and `_`.
    Weights are rounded to 1 to 65535 for others than meshlib.

    The other settings are those of `ConsulDiscovery`. A token needs `service:write`.
    """

    name = "consul"

    def __init__(
        self,
        address: str | None = None,
        *,
        tags: str | Sequence[str] = (),
        deregister_after: float | str = _REAPED,
        token: str | None = None,
        token_file: str | None = None,
        namespace: str | None = None,
        partition: str | None = None,
        tls: Any = None,
        timeout: float | str = TIMEOUT,
    ) -> None:
        self._agent = Agent(
            address,
            token=token,
            token_file=token_file,
            namespace=namespace,
            partition=partition,
            tls=tls,
            timeout=timeout,
        )
        self._tags = texts(tags, "tags")
        self._reaped = seconds(deregister_after, "deregister_after", minimum=_REAPED)

    def session(self) -> AbstractAsyncContextManager[RegistrarSession]:
        """A session for the event loop that enters it; entering it contacts nobody."""
        return self._session()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[RegistrarSession]:
        session = _Session(self._agent, self._tags, self._reaped)
        try:
            yield session
        finally:
            await session.aclose()


class _Session:
    """One client, made when it is first needed; see RegistrarSession."""

    def __init__(self, agent: Agent, tags: tuple[str, ...], reaped: float) -> None:
        self._agent = agent
        self._tags = tags
        self._reaped = reaped
        self._client: httpx.AsyncClient | None = None

    async def register(self, instance: Instance) -> None:
        document = registration(instance, tags=self._tags, deregister_after=self._reaped)
        path = "/v1/agent/service/register"
        if not await self._tell(instance, path, document):
            raise DiscoveryError(
                f"{self._agent.address} has no {path}: it is no Consul agent",
                service=instance.service,
                source="consul",
            )

    async def renew(self, instance: Instance) -> bool:
        path = f"/v1/agent/check/update/{quote(check_id(instance), safe=':')}"
        return await self._tell(instance, path, heartbeat(instance))

    async def deregister(self, instance: Instance) -> None:
        await self._tell(instance, f"/v1/agent/service/deregister/{quote(instance.id, safe='')}")

    async def aclose(self) -> None:
        """Close the client."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _tell(self, instance: Instance, path: str, document: Any = None) -> bool:
        """Whether the agent knows what it was told about."""
        try:
            if self._client is None:
                self._client = await self._agent.client()
            await self._agent.tell(self._client, path, document)
        except RefusedError as exc:
            if exc.status == 404 or any(text in exc.reason for text in _UNKNOWN):
                return False
            raise _told(exc, instance) from exc
        except ConsulError as exc:
            # Another one reads certificates again.
            await self.aclose()
            raise _told(exc, instance) from exc
        return True


def _told(error: ConsulError, instance: Instance) -> DiscoveryError:
    return DiscoveryError(str(error), service=instance.service, source="consul")
