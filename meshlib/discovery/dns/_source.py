"""
Endpoints from the records of a name.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import dns.exception
import dns.name

from ..._exceptions import ConfigurationError, DiscoveryError
from ..._models import Endpoint
from .._settings import flag, number, one_of, seconds, text, texts
from .._snapshot import Snapshot
from .._timing import Timing
from ._answer import Records
from ._endpoints import SOURCE, Target, from_addresses, from_targets
from ._resolver import FAILURES, FAMILIES, Resolver, system_settings
from ._server import address_of

_PLACE = "{service}"
_JITTER = 0.1
_MOST_JITTER = 0.5
"""Seconds by which a refresh may be late, so that processes with one resolver spread out."""
_FEWEST_SECONDS = 0.1
_RESOLV_CONF = "/etc/resolv.conf"


class DnsDiscovery:
    """
    Asks for SRV records or addresses, and again when their time to live is over.

    *name*: the name to ask for, in which `{service}` is what the mesh calls the service;
    default `{service}`. It may end in a dot, which no search domain is put to.
    *record*: `srv`, `address` (A and AAAA) or `auto` (default): SRV for names that begin
    with `_`, as those of SRV records do.
    *port*: of all endpoints, where the records have none; default: that of the scheme.
    *scheme*: `http` (default) or `https`.
    *by*: `address` makes an endpoint of each address, with a breaker of its own; `name`
    one of each target of SRV records, which certificates name. Default: `name` for SRV
    records with `https`, else `address`.
    *family*: `auto` (default) takes IPv4 addresses, and IPv6 ones where there are none, so
    that a host with both is one endpoint; `ipv4`, `ipv6`, or `both`.
    *servers*: IP addresses of name servers, with a port if it is not 53, asked in this
    order. Default: those of *resolv_conf*, with its search domains and options.
    *search*, *ndots*: the domains that a relative name is looked for in, and how many dots
    make it be tried as it is first. With *servers*, default none and 1.
    *timeout*: seconds for one server to answer, default 2; each is asked twice.
    *rotate*: begin with another server each time; default no.
    *udp_payload*: bytes of the largest answer by UDP, default 1232 (DNS flag day 2020); a
    larger one comes by TCP. 0 for servers that do not bear EDNS.
    *tcp*: ask by TCP from the start, of servers that answer a part by UDP; default no.
    *min_ttl*, *max_ttl*: limits of the seconds between two questions, default 1 and 300.
    *negative_ttl*: the most seconds to believe that there is nothing, default 30.
    *resolv_conf*: the file of the system's settings, read again after each failure.
    """

    name = SOURCE

    def __init__(
        self,
        *,
        name: str = _PLACE,
        record: str = "auto",
        port: int | None = None,
        scheme: str = "http",
        by: str | None = None,
        family: str = "auto",
        servers: str | Sequence[str] | None = None,
        search: str | Sequence[str] | None = None,
        ndots: int | None = None,
        timeout: float | str | None = None,
        rotate: bool | None = None,
        udp_payload: int = 1232,
        tcp: bool = False,
        min_ttl: float | str = 1.0,
        max_ttl: float | str = 300.0,
        negative_ttl: float | str = 30.0,
        resolv_conf: str | os.PathLike[str] = _RESOLV_CONF,
        _timing: Timing | None = None,
    ) -> None:
        self._template = _template(name)
        kind = one_of(record, ("auto", "srv", "address"), "record")
        self._srv = kind == "srv" or (kind == "auto" and name.startswith("_"))
        self._scheme = one_of(scheme, ("http", "https"), "scheme")
        self._port = None if port is None else _integer(port, "port", 1, 65535)
        if self._srv and port is not None:
            raise ConfigurationError("an SRV record says the port itself", path="port")
        default = "name" if self._srv and scheme == "https" else "address"
        self._by_name = one_of(by or default, ("address", "name"), "by") == "name"
        if self._by_name and not self._srv:
            raise ConfigurationError(
                "only SRV records have names for their endpoints",
                path="by",
                hint="`authority` of the service says what certificates must name",
            )
        self._family = one_of(family, FAMILIES, "family")
        self._servers = (
            None
            if servers is None
            else [address_of(one, f"servers[{n}]") for n, one in enumerate(_some(servers))]
        )
        self._search = None if search is None else _domains(search)
        self._ndots = None if ndots is None else _integer(ndots, "ndots", 0, 15)
        self._timeout = None if timeout is None else seconds(timeout, "timeout", minimum=0.01)
        self._rotate = None if rotate is None else flag(rotate, "rotate")
        self._payload = _payload(udp_payload)
        self._tcp = flag(tcp, "tcp")
        self._min_ttl = seconds(min_ttl, "min_ttl", minimum=_FEWEST_SECONDS)
        self._max_ttl = seconds(max_ttl, "max_ttl", minimum=_FEWEST_SECONDS)
        self._negative_ttl = seconds(negative_ttl, "negative_ttl", minimum=_FEWEST_SECONDS)
        if self._max_ttl < self._min_ttl:
            raise ConfigurationError("it is less than min_ttl", path="max_ttl")
        self._resolv_conf = text(os.fspath(resolv_conf), "resolv_conf")
        self._timing = Timing() if _timing is None else _timing

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*, each time that they were asked for."""
        asked = self._template.replace(_PLACE, service)
        before: _View | None = None
        endpoints: tuple[Endpoint, ...] = ()
        try:
            name = dns.name.from_text(asked, None)
            resolver = await self._resolver()
            while True:
                view = await self._look(resolver, name)
                if before is None or view.targets != before.targets:
                    endpoints = self._endpoints(view, service)
                before = view
                error = self._stale(asked, service) if view.stale else None
                yield Snapshot(endpoints, error=error)
                await self._timing.sleep(self._pause(view))
        except FAILURES as exc:
            raise DiscoveryError(
                f"{asked} cannot be resolved: {exc or type(exc).__name__}",
                service=service,
                source=self.name,
            ) from exc

    async def _resolver(self) -> Resolver:
        servers, search = self._servers, self._search
        ndots, timeout, rotate = self._ndots, self._timeout, self._rotate
        if servers is None:
            system: Any = await anyio.to_thread.run_sync(
                system_settings, self._resolv_conf, abandon_on_cancel=True
            )
            servers = [(str(address), system.port) for address in system.nameservers]
            if search is None:
                search = list(system.search)
                if not search and system.domain != dns.name.root:
                    search = [system.domain]
            ndots = system.ndots if ndots is None else ndots
            timeout = system.timeout if timeout is None else timeout
            rotate = system.rotate if rotate is None else rotate
        return Resolver(
            servers,
            search=search or (),
            ndots=1 if ndots is None else ndots,
            timeout=timeout or 2.0,
            rotate=bool(rotate),
            payload=self._payload,
            tcp=self._tcp,
            family=self._family,
            timing=self._timing,
        )

    async def _look(self, resolver: Resolver, name: dns.name.Name) -> _View:
        if not self._srv:
            found = await resolver.first(name, resolver.addresses)
            addresses = tuple(sorted(found.records))
            return _View((Target(0, "", 0, 0, addresses),), found.ttl, not addresses, found.stale)
        found = await resolver.first(name, resolver.services)
        # The root as the target says that the service is not to be had: RFC 2782.
        records = [one for one in found.records if one.target != dns.name.root]
        names = sorted({record.target for record in records})
        hosts: dict[dns.name.Name, Records] = {}
        if not self._by_name:
            known = dict(found.additional)
            hosts = dict(zip(names, await resolver.each(names, known), strict=True))
        targets = sorted(
            Target(
                one.priority,
                one.target.to_text(omit_final_dot=True),
                one.port,
                one.weight,
                tuple(hosts[one.target].records) if hosts else (),
            )
            for one in records
        )
        ttl = min([found.ttl, *(host.ttl for host in hosts.values())])
        stale = found.stale or any(host.stale for host in hosts.values())
        return _View(tuple(targets), ttl, not found.records, stale)

    def _endpoints(self, view: _View, service: str) -> tuple[Endpoint, ...]:
        if self._srv:
            return from_targets(
                view.targets, scheme=self._scheme, by_name=self._by_name, service=service
            )
        (target,) = view.targets
        return from_addresses(
            target.addresses, scheme=self._scheme, port=self._port, service=service
        )

    def _pause(self, view: _View) -> float:
        most = min(self._max_ttl, self._negative_ttl) if view.empty else self._max_ttl
        ttl = max(self._min_ttl, min(view.ttl, most))
        return ttl + min(ttl * _JITTER, _MOST_JITTER) * self._timing.rng.random()

    def _stale(self, asked: str, service: str) -> DiscoveryError:
        return DiscoveryError(
            f"the name server answers for {asked} from memory, since it cannot ask others",
            service=service,
            source=self.name,
        )


@dataclass(frozen=True, slots=True)
class _View:
    """What was found: *targets* of SRV records, or one that has all addresses."""

    targets: tuple[Target, ...]
    ttl: float
    empty: bool
    stale: bool


def _template(value: Any) -> str:
    template = text(value, "name")
    sample = template.replace(_PLACE, "service")
    hint = "write a name such as _http._tcp.{service}.example.com"
    if "{" in sample or "}" in sample:
        raise ConfigurationError("only {service} may stand in braces", path="name", hint=hint)
    try:
        dns.name.from_text(sample)
    except dns.exception.DNSException as exc:
        raise ConfigurationError(f"{template!r} is no name: {exc}", path="name", hint=hint) from exc
    return template


def _some(servers: Any) -> Sequence[Any]:
    given = texts(servers, "servers")
    if not given:
        raise ConfigurationError("a name server is needed", path="servers")
    return given


def _domains(search: Any) -> list[dns.name.Name]:
    domains = []
    for n, domain in enumerate(texts(search, "search")):
        try:
            domains.append(dns.name.from_text(domain))
        except dns.exception.DNSException as exc:
            raise ConfigurationError(f"{domain!r}: {exc}", path=f"search[{n}]") from exc
    return domains


def _integer(value: Any, path: str, minimum: int, maximum: int) -> int:
    checked = number(value, path, minimum=minimum, maximum=maximum)
    if checked != int(checked):
        raise ConfigurationError(f"{value!r} is no whole number", path=path)
    return int(checked)


def _payload(value: Any) -> int:
    size = _integer(value, "udp_payload", 0, 65535)
    if 0 < size < 512:
        raise ConfigurationError(
            f"{value!r} is less than the 512 bytes that all servers send", path="udp_payload"
        )
    return size
