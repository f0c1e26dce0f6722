"""
A check by a TLS handshake.
"""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from typing import Any

import anyio

from .._clock import Clock, wall
from .._models import Endpoint
from ._checker import CheckFailedError
from ._options import TlsCheckOptions
from ._place import place_of
from ._trust import Trust
from ._wire import Wire

_DAY = 86400.0


class TlsChecker:
    """Shakes hands and looks at the certificate; keeps no connection."""

    def __init__(
        self, options: TlsCheckOptions, *, trust: Trust, port: int | None, clock: Clock = wall
    ) -> None:
        self.stage = ""
        self._options = options
        self._trust = trust
        self._port = port
        self._clock = clock

    async def check(self, endpoint: Endpoint) -> None:
        """Pass when the certificate is trusted, for the right names, and valid for long enough."""
        self.stage = "connecting"
        place = place_of(endpoint, port=self._port)
        name = self._trust.server_name(self._options.server_name)
        wire = await Wire.open(place, self._trust.context(), name)
        try:
            self._judge(wire.certificate)
        finally:
            with anyio.CancelScope(shield=True):
                await wire.aclose()

    def _judge(self, certificate: dict[str, Any]) -> None:
        options = self._options
        for name in options.names:
            if not _is_for(certificate, name):
                raise CheckFailedError(f"the certificate is not for {name}")
        if options.min_validity:
            left = ssl.cert_time_to_seconds(certificate["notAfter"]) - self._clock()
            if left < options.min_validity:
                raise CheckFailedError(f"the certificate is valid for {left / _DAY:.1f} days only")

    async def aclose(self) -> None:
        """There is nothing to close."""


def _is_for(certificate: dict[str, Any], name: str) -> bool:
    """Whether *name*, a host or an IP address, is covered, by a wildcard of one label too."""
    alternatives = certificate.get("subjectAltName", ())
    address = _address(name)
    if address is not None:
        return any(kind == "IP Address" and _address(of) == address for kind, of in alternatives)
    hosts = {host.lower() for kind, host in alternatives if kind == "DNS"}
    return name.lower() in hosts or f"*.{name.lower().partition('.')[2]}" in hosts


def _address(text: str) -> object:
    try:
        return ip_address(text.strip())
    except ValueError:
        return None
