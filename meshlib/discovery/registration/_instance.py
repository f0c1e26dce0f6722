"""
What is registered.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..._exceptions import ConfigurationError
from ..._models import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """
    One process that serves *service* at *endpoint*.

    *id* tells it from every other instance of the service. *ttl* is the seconds without
    a heartbeat after which the server forgets it.
    """

    service: str
    endpoint: Endpoint
    id: str
    ttl: float = 15.0

    @property
    def host(self) -> str:
        """The host of the endpoint."""
        return urlsplit(self.endpoint.url).hostname or ""

    @property
    def port(self) -> int:
        """The port of the endpoint; that of its scheme when the URL has none."""
        parts = urlsplit(self.endpoint.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return urlsplit(self.endpoint.url).scheme


def make_instance(
    service: str, endpoint: Endpoint, *, instance_id: str | None = None, ttl: float = 15.0
) -> Instance:
    """
    The instance of *service* at *endpoint*, by default `<service>-<host>-<port>`.

    Raises ConfigurationError for an address that no other process could call.
    """
    parts = urlsplit(endpoint.url)
    host = parts.hostname or ""
    if _is_unspecified(host):
        raise ConfigurationError(
            f"{endpoint.url} is where a server listens, not where it can be called",
            path="url",
            hint="register an address that callers can reach",
        )
    instance = Instance(service=service, endpoint=endpoint, id=instance_id or "", ttl=ttl)
    if instance_id:
        return instance
    name = f"{service}-{host}-{instance.port}".replace(":", "-")
    return Instance(service=service, endpoint=endpoint, id=name, ttl=ttl)


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
