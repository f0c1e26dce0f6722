"""
One name server.
"""

from __future__ import annotations

import ipaddress
import math
import socket
from typing import Any

import anyio
import dns.asyncquery
import dns.exception
import dns.inet
import dns.message
import dns.nameserver
import dns.rcode

from ..._clock import Clock
from ..._exceptions import ConfigurationError
from .._settings import text

_AVOID = 30.0
"""Seconds for which a server that failed is asked after the others."""
_Timeout: Any = dns.exception.Timeout
_FormError: Any = dns.exception.FormError
_NO_EDNS = (dns.rcode.FORMERR, dns.rcode.NOTIMP)
"""What a server that does not know EDNS answers: RFC 6891, section 7."""


class Server(dns.nameserver.Do53Nameserver):
    """
    A name server that is asked by UDP and, for a long answer, by TCP.

    By a connected socket: so a port at which nobody listens is known at once, not after
    the timeout, and no other host can answer.
    """

    def __init__(self, address: str, port: int, clock: Clock) -> None:
        super().__init__(address, port)
        self._clock = clock
        self._avoid_until = -math.inf

    @property
    def suspect(self) -> bool:
        """Whether it has failed lately."""
        return self._clock() < self._avoid_until

    async def async_query(
        self,
        request: dns.message.QueryMessage,
        timeout: float,
        source: str | None,
        source_port: int,
        max_size: bool,
        backend: Any,
        one_rr_per_rrset: bool = False,
        ignore_trailing: bool = False,
    ) -> dns.message.Message:
        """The answer to *request*; raises what `dns.resolver` understands."""
        try:
            with anyio.fail_after(timeout):
                response = await self._ask(request, timeout, max_size, backend)
                if response.rcode() in _NO_EDNS and request.edns >= 0:
                    response = await self._ask(_without_edns(request), timeout, max_size, backend)
        except dns.message.Truncated:
            raise  # it does answer, and is asked by TCP now
        except Exception as exc:
            self._avoid_until = self._clock() + _AVOID
            if isinstance(exc, TimeoutError):
                raise _Timeout(timeout=timeout) from None  # asked again, as no OSError is
            if isinstance(exc, dns.exception.DNSException | OSError | EOFError):
                raise
            raise _FormError(f"{exc!r:.200}") from exc
        failed = response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
        self._avoid_until = self._clock() + _AVOID if failed else -math.inf
        return response

    async def _ask(
        self,
        request: dns.message.QueryMessage,
        timeout: float,
        by_tcp: bool,
        backend: Any,
    ) -> dns.message.Message:
        if by_tcp:
            return await dns.asyncquery.tcp(
                request, self.address, timeout=timeout, port=self.port, backend=backend
            )
        family = dns.inet.af_for_address(self.address)
        udp: Any = await backend.make_socket(
            family, socket.SOCK_DGRAM, 0, None, (self.address, self.port)
        )
        async with udp:
            await udp.sendto(request.to_wire(), None, None)
            response, _, _ = await dns.asyncquery.receive_udp(
                udp, raise_on_truncation=True, ignore_errors=True, query=request
            )
            return response  # type: ignore[no-any-return]  # dnspython does not say


def _without_edns(request: dns.message.QueryMessage) -> dns.message.QueryMessage:
    question = request.question[0]
    return dns.message.make_query(question.name, question.rdtype, question.rdclass)


def address_of(value: Any, path: str) -> tuple[str, int]:
    """The address and port in `"10.0.0.2"`, `"10.0.0.2:5353"` or `"[::1]:5353"`."""
    said = text(value, path)
    host, port = said, "53"
    if said.startswith("["):
        host, _, port = said[1:].partition("]:")
    elif said.count(":") == 1:
        host, _, port = said.partition(":")
    try:
        address = ipaddress.ip_address(host)
        if port.isascii() and port.isdigit() and 0 < int(port) < 65536:
            return str(address), int(port)
    except ValueError:
        pass
    raise ConfigurationError(
        f"{said!r} is not the address of a name server",
        path=path,
        hint="write an IP address, as in 10.0.0.2 or 10.0.0.2:5353 or [::1]:5353",
    )
