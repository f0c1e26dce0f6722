"""Whose headers may grant something."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Literal

from pydantic import field_validator

from .._options import Options
from ..security.identity import check_pattern

PRIVATE = (
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
)
"""Loopback, private (RFC 1918, RFC 4193) and link-local networks."""


class InboundTrustOptions(Options):
    """
    Whose headers may grant something: a tenant, a raised priority, a chain, a client's address.

    A request is trusted when all of its way is: the peer of the connection, by its network
    or its verified identity, and every address that `X-Forwarded-For` and `Forwarded`
    name, by their networks. A proxy in front that says for whom it speaks therefore lends
    its own trust to nobody; Envoy tells internal requests in this way. What only
    makes a request stricter counts from anybody.
    """

    networks: tuple[str, ...] = PRIVATE
    """Addresses and networks, in the notation of CIDR. By default loopback and private ones."""
    identities: tuple[str, ...] = ()
    """
    Patterns of SPIFFE ids and DNS names; a peer whose verified certificate has one is trusted.
    """
    unix_sockets: bool = False
    """
    Whether a peer without an address is trusted, which a Unix socket has not. False, because
    some servers know no address for other reasons.
    """
    client_ip: Literal["x-forwarded-for", "forwarded"] | None = "x-forwarded-for"
    """
    The header in which trusted proxies say for whom they speak. Only one, since whoever is in
    front of a proxy that writes the one can write the other. null: the peer is the client.
    """

    @field_validator("identities")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(check_pattern, value))

    @field_validator("networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError as exc:
                raise ValueError(f"{text!r} is no network: {exc}") from None
        return value
