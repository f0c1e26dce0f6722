"""
Registering with a registry.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from ..._exceptions import DiscoveryError
from .._http import Http
from .._settings import seconds
from ..registration._instance import Instance
from ._servers import DEFAULT_ADDRESS, RefusedError, Servers, check, describe


class RegistryRegistrar:
    """
    Registers with the registry at *address*; of several the first that answers is taken.

    *token* or *token_file* says who we are; the file is read for each request. *tls* is
    `{ca, cert, key, verify, server_name}`. *timeout*: seconds for one answer, by default 5,
    a heartbeat of the usual time to live.
    """

    name = "registry"

    def __init__(
        self,
        address: str | Sequence[str] = DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        tls: Any = None,
        timeout: float | str = 5.0,
    ) -> None:
        self._servers = Servers(address, token=token, token_file=token_file, tls=tls)
        self._timeout = seconds(timeout, "timeout", minimum=0.1)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[RegistrySession]:
        """A session for the event loop that enters it."""
        session = RegistrySession(self._servers, self._timeout)
        try:
            yield session
        finally:
            await session.close()


class RegistrySession:
    """Keeps connections to the registry, on one event loop."""

    def __init__(self, servers: Servers, timeout: float) -> None:
        self._servers = servers
        self._timeout = timeout
        self._clients: dict[Http, httpx.AsyncClient] = {}

    async def register(self, instance: Instance) -> None:
        """Make *instance* known, or replace it; raises DiscoveryError."""
        endpoint = instance.endpoint
        document = {
            "url": endpoint.url,
            "weight": endpoint.weight,
            "priority": endpoint.priority,
            "kind": endpoint.kind,
            "metadata": dict(endpoint.metadata),
            "ttl": instance.ttl,
        }
        await self._ask(instance, "PUT", "", json=document)

    async def renew(self, instance: Instance) -> bool:
        """Send a heartbeat; False when *instance* is unknown. Raises DiscoveryError."""
        return await self._ask(instance, "POST", "/heartbeat") != 404

    async def deregister(self, instance: Instance) -> None:
        """Have *instance* forgotten; raises DiscoveryError."""
        await self._ask(instance, "DELETE", "")

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _ask(self, instance: Instance, method: str, action: str, **body: Any) -> int:
        service, name = quote(instance.service, safe=""), quote(instance.id, safe="")
        path = f"/v1/services/{service}/instances/{name}{action}"
        failures: list[str] = []
        for server in self._servers.in_turn():
            try:
                headers = await self._servers.headers()
                client = self._client(server)
                response = await client.request(method, path, headers=headers, **body)
                if not (action and response.status_code == 404):  # else a heartbeat's answer
                    await check(response)
            except (httpx.HTTPError, OSError, ValueError, RefusedError) as exc:
                failures.append(describe(server, exc))
                await self._forget(server)
                continue
            self._servers.settle(server)
            return response.status_code
        raise DiscoveryError(
            f"no registry took {instance.id}: {'; '.join(failures)}",
            service=instance.service,
            source=RegistryRegistrar.name,
        )

    def _client(self, server: Http) -> httpx.AsyncClient:
        client = self._clients.get(server)
        if client is None:
            client = self._clients[server] = server.client(timeout=self._timeout)
        return client

    async def _forget(self, server: Http) -> None:
        """Connect anew the next time, with the certificates of then."""
        client = self._clients.pop(server, None)
        if client is not None:
            await client.aclose()
