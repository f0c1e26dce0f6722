"""What answers say."""

from __future__ import annotations

from typing import Any

import dns.edns
import dns.message
import dns.name
import dns.rcode
import dns.update
import pytest

from meshlib.discovery.dns._answer import Addresses, NoAnswerError, Records, read, texts
from support.nameserver import says

WEB = dns.name.from_text("web.test")
SOA = "!test 60 SOA ns.test root.test 1 3600 600 86400 7"


def asked(*records: str, kind: str = "A", **options: Any) -> Records:
    """What an answer of *records* says."""
    query = dns.message.make_query(WEB, kind, use_edns=0)
    response = says(*records, **options)(query, False)
    return read(dns.message.from_wire(response.to_wire()))


def test_records_hold_for_their_time_to_live() -> None:
    """The least of all in a chain of aliases."""
    found = asked("web.test 30 A 10.0.0.1", "web.test 30 A 10.0.0.2")
    assert (("10.0.0.1", "10.0.0.2"), 30.0, True) == (
        texts(found.records), found.ttl, found.exists
    )  # fmt: skip
    found = asked("=web.test 9 CNAME other.test", "=other.test 30 A 10.0.0.1")
    assert (("10.0.0.1",), 9.0, None) == (texts(found.records), found.ttl, found.alias)


def test_addresses_that_come_along_are_kept() -> None:
    """Those of the class Internet; nothing else of the section."""
    found = asked(
        "web.test 30 SRV 0 1 80 a.test",
        "+a.test 8 A 10.0.0.2",
        "+a.test 8 A 10.0.0.1",
        "+a.test 9 AAAA ::1",
        "+a.test 9 TXT x",
        kind="SRV",
    )
    a = dns.name.from_text("a.test")
    assert {
        (a, dns.rdatatype.A): Addresses(("10.0.0.1", "10.0.0.2"), 8),
        (a, dns.rdatatype.AAAA): Addresses(("::1",), 9),
    } == found.additional


@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN])
def test_nothing_holds_as_the_zone_says(rcode: dns.rcode.Rcode) -> None:
    """The minimum of the SOA record, or its time to live if that is less: RFC 2308."""
    found = asked(SOA, rcode=rcode)
    assert ((), 7.0, rcode == dns.rcode.NOERROR) == (found.records, found.ttl, found.exists)
    assert 3.0 == asked(SOA.replace(" 60 ", " 3 "), rcode=rcode).ttl


def test_nothing_without_a_zone_is_believed_for_no_more_than_an_hour() -> None:
    """Nothing says for how long it may be."""
    found = asked()
    assert found.exists
    assert 0 <= found.ttl <= 3600


def test_referral_is_no_empty_answer() -> None:
    """A server that knows others but no answer has not said that there is none."""
    with pytest.raises(NoAnswerError, match="the name server refers to other servers"):
        asked("!test 60 NS ns.test")
    assert () == asked("!test 60 NS ns.test", more="AA").records


def test_alias_into_another_zone_is_to_be_followed() -> None:
    """Unless the answer says that there is nothing at its end."""
    found = asked("=web.test 9 CNAME other.test")
    assert (dns.name.from_text("other.test"), 9.0) == (found.alias, found.ttl)
    assert asked("=web.test 9 CNAME other.test", SOA).alias is None
    assert asked("=web.test 9 CNAME other.test", rcode=dns.rcode.NXDOMAIN).alias is None


@pytest.mark.parametrize("code", [3, 19])
def test_answer_from_memory_is_known(code: int) -> None:
    """As resolvers tell that cannot reach the servers of the zone: RFC 8914."""
    query = dns.message.make_query(WEB, "A", use_edns=0)
    response = says("web.test 30 A 10.0.0.1")(query, False)
    assert isinstance(response, dns.message.Message)
    assert not read(response).stale
    response.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode(code))])
    assert read(dns.message.from_wire(response.to_wire())).stale


def test_message_of_another_kind_is_no_answer() -> None:
    """Such as the answer to an update."""
    with pytest.raises(NoAnswerError):
        read(dns.update.UpdateMessage("test"))
