"""Whether a request may be granted what it asks for, and where it comes from."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

from ._forwarded import forwarded_for, parse_address
from ._headers import FORWARDED, FORWARDED_FOR, Found
from ._trust_options import InboundTrustOptions

_KEPT = 4096
"""Addresses of which it is kept whether they are trusted: finding out takes microseconds."""


class Trust:
    """Judges the way of a request, by `InboundTrustOptions`. Thread-safe: it never changes."""

    __slots__ = ("_client_ip", "_identities", "_networks", "_unix_sockets", "look")

    def __init__(self, options: InboundTrustOptions) -> None:
        self._networks = tuple(ip_network(text) for text in options.networks)
        self._identities = options.identities
        self._unix_sockets = options.unix_sockets
        name = options.client_ip
        self._client_ip = b"" if name is None else name.encode("ascii")
        self.look = lru_cache(_KEPT)(self._look_closer)
        """The address in a text, None where there is none, and whether it is trusted."""

    def judge(self, peer: str | None, identity: Any, found: Found) -> tuple[bool, str | None]:
        """Whether all of the way is trusted, and the address of the client, if it is known."""
        if peer is None:
            client, trusted = None, self._unix_sockets
        else:
            client, trusted = self.look(peer)
        if not trusted and identity is not None:
            trusted = any(identity.matches(pattern) for pattern in self._identities)
        if trusted and (FORWARDED_FOR in found or FORWARDED in found):
            return self._follow(client, found)
        return trusted, client

    def _follow(self, client: str | None, found: Found) -> tuple[bool, str | None]:
        whole = True
        for name in (FORWARDED_FOR, FORWARDED):
            value = found.get(name)
            if value is None:
                continue
            for text in forwarded_for(name, value):
                address, trusted = self.look(text)
                if address is not None and name == self._client_ip:
                    client = address
                if not trusted:  # what is further to the left is its word alone
                    whole = False
                    break
        return whole, client

    def _look_closer(self, text: str) -> tuple[str | None, bool]:
        address: IPv4Address | IPv6Address | None = parse_address(text)
        if address is None:
            return None, False
        # An address is in no network of the other version.
        return str(address), any(address in network for network in self._networks)
