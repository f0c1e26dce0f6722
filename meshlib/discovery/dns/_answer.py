"""
What an answer of a name server says; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

Key = tuple[dns.name.Name, dns.rdatatype.RdataType]

_FROM_MEMORY = (dns.edns.EDECode.STALE_ANSWER, dns.edns.EDECode.STALE_NXDOMAIN_ANSWER)
_AN_HOUR = 3600


class NoAnswerError(Exception):
    """What a server sent says neither that there are records nor that there are none."""


@dataclass(frozen=True, slots=True)
class Records:
    """
    The records of one name and kind: none when the name *exists* without any, or not at all.

    *ttl* is the seconds for which that may be believed; for none of them as RFC 2308 says.
    *alias* is the name to ask for next, when the answer ends with a CNAME. *additional* has
    the addresses that came along. *stale* when the server says that it answers from memory,
    for want of its own servers (RFC 8767, told as RFC 8914 says).
    """

    records: tuple[Any, ...]
    ttl: float
    exists: bool = True
    alias: dns.name.Name | None = None
    additional: Mapping[Key, Addresses] = field(default_factory=dict)
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of one name, as texts, and for how many seconds they hold."""

    addresses: tuple[str, ...]
    ttl: float


def read(response: dns.message.Message, *, server: str = "the name server") -> Records:
    """
    The records that *response* says there are.

    Raises DNSException or NoAnswerError for what is no answer, such as a referral.
    """
    if not isinstance(response, dns.message.QueryMessage):
        raise NoAnswerError(f"{server} sent no answer to a question")
    chain = response.resolve_chaining()
    stale = any(error.code in _FROM_MEMORY for error in response.extended_errors())
    if chain.answer is not None:
        return Records(
            tuple(chain.answer),
            chain.minimum_ttl,
            additional=_additional(response),
            stale=stale,
        )
    kinds = {rrset.rdtype for rrset in response.authority}
    denied = dns.rdatatype.SOA in kinds
    exists = response.rcode() != dns.rcode.NXDOMAIN
    if exists and not denied:
        if chain.cnames:
            return Records((), chain.minimum_ttl, alias=chain.canonical_name, stale=stale)
        if dns.rdatatype.NS in kinds and not response.flags & dns.flags.AA:
            # RFC 2308, section 2.2, tells a referral from an empty answer by this.
            raise NoAnswerError(f"{server} refers to other servers and resolves nothing itself")
    # Without an SOA record nothing says how long to believe it; older dnspython then says
    # for ever.
    ttl = chain.minimum_ttl if denied else min(chain.minimum_ttl, _AN_HOUR)
    return Records((), ttl, exists=exists, stale=stale)


def _additional(response: dns.message.Message) -> dict[Key, Addresses]:
    found: dict[Key, Addresses] = {}
    for rrset in response.additional:
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA) and (
            rrset.rdclass == dns.rdataclass.IN
        ):
            found[rrset.name, rrset.rdtype] = Addresses(texts(rrset), rrset.ttl)
    return found


def texts(records: Iterable[Any]) -> tuple[str, ...]:
    """The addresses in records of A and AAAA, in an order of ours: that of a server varies."""
    return tuple(sorted(record.address for record in records))
