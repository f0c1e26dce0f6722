"""
Asking name servers.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import anyio
import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import sniffio

from .._timing import Timing
from ._answer import Addresses, Key, NoAnswerError, Records, read, texts
from ._server import Server

_ROUNDS = 2
"""How often each server is asked, as most stub resolvers do."""
_SLACK = 1.0
"""Seconds for pauses between the rounds."""
_LONGEST_CHAIN = 8
"""CNAMEs that are followed from one server's answer to the next."""
_AT_ONCE = 8
"""Questions on the way at the same time."""

A, AAAA, SRV = dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.SRV
FAMILIES: dict[str, tuple[dns.rdatatype.RdataType, ...]] = {
    "auto": (A, AAAA),
    "ipv4": (A,),
    "ipv6": (AAAA,),
    "both": (A, AAAA),
}

FAILURES = (dns.exception.DNSException, NoAnswerError, OSError, TimeoutError)
"""What asking may raise."""


class Resolver:
    """
    Asks *servers* in their order, those last that failed lately.

    *search* and *ndots* say which names a relative name may stand for, as in resolv.conf.
    *payload* is the size of an answer by UDP that we take (EDNS), 0 for no EDNS; *tcp* asks
    by TCP from the start. Belongs to one watch. Every question has an end; what fails
    raises one of `FAILURES`.
    """

    def __init__(
        self,
        servers: Iterable[tuple[str, int]],
        *,
        search: Sequence[dns.name.Name] = (),
        ndots: int = 1,
        timeout: float = 2.0,
        rotate: bool = False,
        payload: int = 1232,
        tcp: bool = False,
        family: str = "auto",
        timing: Timing,
    ) -> None:
        self._servers = [Server(address, port, timing.clock) for address, port in servers]
        self._search = tuple(search)
        self._ndots = ndots
        self._rotate = rotate
        self._tcp = tcp
        self._rng = timing.rng
        self._lifetime = timeout * len(self._servers) * _ROUNDS + _SLACK
        self._kinds = FAMILIES[family]
        self._first_kind_will_do = family == "auto"
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.timeout = timeout
        if payload:
            self._resolver.use_edns(0, 0, payload)

    async def first(
        self, name: dns.name.Name, ask: Callable[[dns.name.Name], Awaitable[Records]]
    ) -> Records:
        """What *ask* finds for the first of the names that *name* may stand for."""
        ttl, exists, stale = float("inf"), False, False
        for candidate in candidates(name, self._search, self._ndots):
            found = await ask(candidate)
            if found.records:
                return found
            ttl, exists, stale = min(ttl, found.ttl), exists or found.exists, stale or found.stale
        return Records((), ttl, exists=exists, stale=stale)

    async def services(self, name: dns.name.Name) -> Records:
        """The SRV records of *name*."""
        return await self._lookup(name, SRV)

    async def addresses(
        self, name: dns.name.Name, known: dict[Key, Addresses] | None = None
    ) -> Records:
        """The addresses of *name* as texts, as far as they are not *known* already."""
        found: list[str] = []
        ttl, stale = float("inf"), False
        for kind in self._kinds:
            if found and self._first_kind_will_do:
                break
            along = (known or {}).get((name, kind))
            if along is None:
                records = await self._lookup(name, kind)
                stale = stale or records.stale
                if not records.exists:
                    return Records((), records.ttl, exists=False, stale=stale)
                along = Addresses(texts(records.records), records.ttl)
            found.extend(along.addresses)
            # That there are no others is worth asking again only when there are none at all.
            if along.addresses or not found:
                ttl = min(ttl, along.ttl)
        return Records(tuple(found), ttl, stale=stale)

    async def each(
        self, names: Sequence[dns.name.Name], known: dict[Key, Addresses]
    ) -> list[Records]:
        """The addresses of all *names*; raises when those of one are not to be had."""
        found: dict[int, Records] = {}
        errors: list[Exception] = []
        limit = anyio.Semaphore(_AT_ONCE)

        async def ask(number: int) -> None:
            async with limit:
                try:
                    found[number] = await self.addresses(names[number], known)
                except Exception as exc:
                    errors.append(exc)
                    group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for number in range(len(names)):
                group.start_soon(ask, number)
        if errors:
            raise errors[0]
        return [found[number] for number in range(len(names))]

    async def _lookup(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Records:
        """The records of one absolute name, through all its aliases."""
        ttl, target = float("inf"), name
        for _ in range(_LONGEST_CHAIN):
            found = await self._query(target, kind)
            ttl = min(ttl, found.ttl)
            if found.alias is None:
                return Records(
                    found.records, ttl, found.exists, None, found.additional, found.stale
                )
            target = found.alias
        raise NoAnswerError(f"the aliases of {name} lead on and on")

    async def _query(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Records:
        resolver = self._resolver
        servers = list(self._servers)
        if self._rotate:
            self._rng.shuffle(servers)
        servers.sort(key=lambda server: server.suspect)
        resolver.nameservers = servers
        # By name, since dnspython would stay with the event loop that it saw first.
        backend = dns.asyncbackend.get_backend(sniffio.current_async_library())
        # dnspython measures by a clock that may be set back; so this one is needed too.
        with anyio.fail_after(self._lifetime + _SLACK):
            try:
                answer = await resolver.resolve(
                    name,
                    kind,
                    tcp=self._tcp,
                    raise_on_no_answer=False,
                    lifetime=self._lifetime,
                    search=False,
                    backend=backend,
                )
            except dns.resolver.NXDOMAIN as exc:
                denied: Any = exc
                return read(denied.response(name))
        return read(answer.response, server=f"{answer.nameserver} port {answer.port}")


def candidates(
    name: dns.name.Name, search: Sequence[dns.name.Name], ndots: int
) -> list[dns.name.Name]:
    """
    The absolute names that *name* may stand for, in the order of resolv.conf(5).

    A name with at least *ndots* dots is tried as it is before the *search* domains, any
    other one after them. A search domain with which it would be too long is left out.
    """
    if name.is_absolute():
        return [name]
    found = []
    for domain in search:
        try:
            found.append(name.concatenate(domain))
        except dns.name.NameTooLong:
            continue
    alone = name.concatenate(dns.name.root)
    found.insert(0 if len(name) > ndots else len(found), alone)
    return list(dict.fromkeys(found))


def system_settings(file: str | os.PathLike[str]) -> dns.resolver.BaseResolver:
    """What the operating system says; blocks. Raises DNSException where it says nothing."""
    return dns.asyncresolver.Resolver(os.fspath(file))
