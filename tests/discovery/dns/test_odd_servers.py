"""Answers that no well-kept server gives, and how often which server is asked."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import dns.asyncquery
import dns.edns
import dns.message
import dns.rcode
import pytest

from meshlib import DiscoveryError
from meshlib.discovery._snapshot import error_of
from meshlib.discovery._timing import Timing
from meshlib.discovery.dns import DnsDiscovery
from support.nameserver import Answer, NameServer, says

SOA = "!test 60 SOA ns.test root.test 1 3600 600 86400 7"


class Pace:
    """Time that passes by sleeping, which never takes any."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.timing = Timing(clock=lambda: self.now, sleep=self.sleep, rng=random.Random(1))

    async def sleep(self, seconds: float) -> None:
        """Let *seconds* pass at once."""
        self.slept.append(seconds)
        self.now += seconds
        await anyio.lowlevel.checkpoint()


async def look(*servers: NameServer, count: int = 1, **settings: Any) -> list[Any]:
    """The last of *count* lists."""
    settings = {"name": "web.test", "timeout": 0.2} | settings
    source = DnsDiscovery(servers=[one.address for one in servers], **settings)
    snapshots: Any = source.watch("users")
    try:
        with anyio.fail_after(30):
            for _ in range(count):
                found = await anext(snapshots)
            return found  # type: ignore[no-any-return]  # the lists are of any kind
    finally:
        await snapshots.aclose()


def urls(found: list[Any]) -> list[str]:
    """What a list leads to."""
    return [one.url for one in found]


def after(first: Answer, *others: Answer) -> Answer:
    """Answers one after the other; the last one for ever."""
    rest = [first, *others]

    def answer(query: dns.message.Message, tcp: bool) -> dns.message.Message | bytes | None:
        return (rest.pop(0) if len(rest) > 1 else rest[0])(query, tcp)

    return answer


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP", "FORMERR", "YXDOMAIN"])
async def test_error_is_a_failure_and_no_empty_list(rcode: str) -> None:
    """A server that says it cannot answer has not answered."""
    with (
        NameServer(says(rcode=dns.rcode.from_text(rcode))) as server,
        pytest.raises(DiscoveryError, match=r"web\.test cannot be resolved"),
    ):
        await look(server)


async def test_error_of_one_server_leads_to_the_next() -> None:
    """Its answer counts, be it that there is nothing."""
    with (
        NameServer(says(rcode=dns.rcode.SERVFAIL)) as bad,
        NameServer(says("web.test 60 A 10.0.0.1")) as good,
        NameServer(says(SOA, rcode=dns.rcode.NXDOMAIN)) as empty,
    ):
        assert ["http://10.0.0.1"] == urls(await look(bad, good))
        assert [] == urls(await look(bad, empty))
        assert [] == urls(await look(empty, good))


async def test_garbage_and_answers_to_others_are_not_heard() -> None:
    """They may come from anybody; the real answer is waited for."""

    def wrong_id(query: dns.message.Message, tcp: bool) -> bytes:
        response = says("web.test 60 A 10.6.6.6")(query, tcp)
        assert isinstance(response, dns.message.Message)
        response.id = query.id ^ 1
        return response.to_wire()

    def wrong_question(query: dns.message.Message, tcp: bool) -> Any:
        other = dns.message.make_query("other.test", "A")
        other.id = query.id
        return says("other.test 60 A 10.6.6.6")(other, tcp)

    for wrong in (lambda query, tcp: b"\x00garbage", wrong_id, wrong_question):
        with NameServer(after(wrong, says("web.test 60 A 10.0.0.1"))) as server:
            assert ["http://10.0.0.1"] == urls(await look(server))
            assert 2 == len(server.asked)


async def test_lost_question_is_asked_again() -> None:
    """Datagrams get lost."""
    with NameServer(after(lambda query, tcp: None, says("web.test 60 A 10.0.0.1"))) as server:
        assert ["http://10.0.0.1"] == urls(await look(server))


async def test_server_without_edns_is_asked_without() -> None:
    """One that knows no extension calls the question malformed."""

    def old(query: dns.message.Message, tcp: bool) -> Any:
        if query.edns >= 0:
            return says(rcode=dns.rcode.FORMERR)(query, tcp)
        return says("web.test 60 A 10.0.0.1")(query, tcp)

    with NameServer(old) as server:
        assert ["http://10.0.0.1"] == urls(await look(server))
        assert [1232, -1] == server.sizes


@pytest.mark.parametrize(("payload", "size"), [(1232, 1232), (4096, 4096), (0, -1)])
async def test_payload_is_the_one_that_is_set(payload: int, size: int) -> None:
    """So that answers of that size come by UDP, and none that would be fragmented."""
    with NameServer(says("web.test 60 A 10.0.0.1")) as server:
        await look(server, udp_payload=payload)
        assert [size] == server.sizes


async def test_truncated_answer_is_asked_for_by_tcp() -> None:
    """A part of a list is never taken for the whole."""

    def short(query: dns.message.Message, tcp: bool) -> Any:
        if tcp:
            return says("web.test 60 A 10.0.0.1", "web.test 60 A 10.0.0.2")(query, tcp)
        return says("web.test 60 A 10.0.0.1", more="TC")(query, tcp)

    with NameServer(short) as server:
        assert ["http://10.0.0.1", "http://10.0.0.2"] == urls(await look(server))
        assert ["web.test. A udp", "web.test. A tcp"] == server.asked
    with NameServer(short, tcp=False) as server, pytest.raises(DiscoveryError):
        await look(server)


async def test_tcp_from_the_start_where_that_is_said() -> None:
    """Some servers answer a part of their records by UDP, and do not call it truncated."""
    with NameServer(says("web.test 60 A 10.0.0.1")) as server:
        assert ["http://10.0.0.1"] == urls(await look(server, tcp=True))
        assert ["web.test. A tcp"] == server.asked


@pytest.mark.parametrize("answer", [b"", b"\xff" * 20])
async def test_nonsense_by_tcp_is_a_failure(answer: bytes) -> None:
    """As from a proxy that speaks something else."""

    def odd(query: dns.message.Message, tcp: bool) -> Any:
        return answer if tcp else says(more="TC")(query, tcp)

    with NameServer(odd) as server, pytest.raises(DiscoveryError):
        await look(server)


async def test_referral_is_a_failure() -> None:
    """A server that only refers to others is the wrong one to ask."""
    with (
        NameServer(says("!test 60 NS ns.test")) as server,
        pytest.raises(DiscoveryError, match="refers to other servers"),
    ):
        await look(server)


async def test_aliases_that_lead_on_and_on_are_a_failure() -> None:
    """There is an end to following them."""
    loop = says("=web.test 60 CNAME web.test")
    with NameServer(loop) as server, pytest.raises(DiscoveryError, match=r"web\.test"):
        await look(server)

    def on(query: dns.message.Message, tcp: bool) -> Any:
        name = query.question[0].name
        return says(f"={name} 60 CNAME a.{name}")(query, tcp)

    with NameServer(on) as server, pytest.raises(DiscoveryError, match="on and on"):
        await look(server)


async def test_addresses_that_came_along_are_not_asked_for() -> None:
    """Those that did not are; of one family too, unless the other one will do."""
    records = ("+a.test 60 A 10.0.0.1", "+b.test 60 AAAA ::2", "b.test 60 A 10.0.0.2")
    services = tuple(f"_http._tcp.web.test 60 SRV 0 1 80 {name}.test" for name in "abc")
    answer = says(*services, *records, "c.test 60 A 10.0.0.3")
    with NameServer(answer) as server:
        found = await look(server, name="_http._tcp.web.test")
        assert [f"http://10.0.0.{n}:80" for n in (1, 2, 3)] == urls(found)
        assert {"_http._tcp.web.test. SRV udp", "b.test. A udp", "c.test. A udp"} == set(
            server.asked
        )
        server.asked.clear()
        await look(server, name="_http._tcp.web.test", by="name")
        assert ["_http._tcp.web.test. SRV udp"] == server.asked


async def test_target_without_an_address_is_left_out() -> None:
    """The others serve; but one whose server fails leaves all of it unknown."""
    services = ("_a.test 60 SRV 0 1 80 a.test", "_a.test 60 SRV 0 1 80 b.test")
    with NameServer(says(*services, "b.test 60 A 10.0.0.2", SOA)) as server:
        assert ["http://10.0.0.2:80"] == urls(await look(server, name="_a.test"))
    with (
        NameServer(says(*services, SOA)) as server,
        pytest.raises(DiscoveryError, match="none of the 2 targets"),
    ):
        await look(server, name="_a.test")

    def failing(query: dns.message.Message, tcp: bool) -> Any:
        if query.question[0].name.to_text() == "a.test.":
            return says(rcode=dns.rcode.SERVFAIL)(query, tcp)
        return says(*services, "b.test 60 A 10.0.0.2", SOA)(query, tcp)

    with NameServer(failing) as server, pytest.raises(DiscoveryError, match="SERVFAIL"):
        await look(server, name="_a.test")


async def test_search_goes_on_where_there_is_nothing() -> None:
    """As far as a name that has records; all of them empty is an empty list."""
    answer = says("web.b.test 60 A 10.0.0.1", "!test 60 SOA ns.test root.test 1 1 1 1 1")
    with NameServer(answer) as server:
        search = ["a.test", "b.test"]
        assert ["http://10.0.0.1"] == urls(await look(server, name="web", search=search))
        assert [] == urls(await look(server, name="web", search=["a.test"]))


async def test_servers_take_turns_where_that_is_said() -> None:
    """And keep their order otherwise."""
    with (
        NameServer(says("web.test 1 A 10.0.0.1")) as one,
        NameServer(says("web.test 1 A 10.0.0.1")) as two,
    ):
        await look(one, two, count=6, _timing=Pace().timing)
        assert (6, 0) == (len(one.asked), len(two.asked))
        await look(one, two, count=12, rotate=True, _timing=Pace().timing)
        assert len(one.asked) > 8
        assert len(two.asked) > 2


async def test_server_that_failed_is_first_again_after_a_while() -> None:
    """The order says which server is preferred."""
    pace = Pace()
    with (
        NameServer(says(rcode=dns.rcode.SERVFAIL)) as one,
        NameServer(says("web.test 10 A 10.0.0.1")) as two,
    ):
        await look(one, two, count=3, _timing=pace.timing)
        assert (1, 3) == (len(one.asked), len(two.asked))
        one.answer = two.answer
        await look(one, two, count=6, _timing=pace.timing)
        assert (7, 3) == (len(one.asked), len(two.asked))


@pytest.mark.parametrize(
    ("records", "settings", "least", "most"),
    [
        (["web.test 20 A 10.0.0.1"], {}, 20.0, 20.5),
        (["web.test 2 A 10.0.0.1"], {}, 2.0, 2.2),
        (["web.test 0 A 10.0.0.1"], {}, 1.0, 1.1),
        (["web.test 0 A 10.0.0.1"], {"min_ttl": 5}, 5.0, 5.5),
        (["web.test 86400 A 10.0.0.1"], {}, 300.0, 300.5),
        (["web.test 86400 A 10.0.0.1"], {"max_ttl": "1h"}, 3600.0, 3600.5),
        ([SOA], {}, 7.0, 7.5),
        ([SOA.replace(" 7", " 3600")], {}, 30.0, 30.5),
        ([SOA.replace(" 7", " 3600")], {"negative_ttl": "1m"}, 60.0, 60.5),
        ([SOA.replace(" 7", " 0")], {}, 1.0, 1.1),
        ([SOA.replace(" 7", " 3600")], {"max_ttl": 9}, 9.0, 9.5),
        (["web.test 20 A 10.0.0.1", "web.test 9 AAAA ::1"], {"family": "both"}, 9.0, 9.5),
        (["web.test 20 A 10.0.0.1", SOA], {"family": "both"}, 20.0, 20.5),
        (["web.test 20 AAAA ::1", SOA], {}, 7.0, 7.5),
    ],
)
async def test_next_question_comes_when_the_time_to_live_is_over(
    records: list[str], settings: dict[str, Any], least: float, most: float
) -> None:
    """Never before, and a little later by chance; within the limits that are set."""
    pace = Pace()
    with NameServer(says(*records)) as server:
        await look(server, count=8, _timing=pace.timing, **settings)
    assert 7 == len(pace.slept)
    assert least <= min(pace.slept) < max(pace.slept) <= most


async def test_time_to_live_is_the_least_of_all_that_was_used() -> None:
    """Of the SRV records, and of each target's address."""
    pace = Pace()
    services = ("_a.test 60 SRV 0 1 80 a.test", "_a.test 60 SRV 0 1 80 b.test")
    addresses = ("+a.test 50 A 10.0.0.1", "b.test 40 A 10.0.0.2")
    with NameServer(says(*services, *addresses)) as server:
        await look(server, count=2, name="_a.test", _timing=pace.timing)
    assert 40.0 <= pace.slept[0] <= 40.5


async def test_order_of_an_answer_is_no_change() -> None:
    """Servers turn their records round; and what is as it was is not made anew."""
    records = [f"_a.test 1 SRV 0 1 80 {n}.test" for n in "abc"]
    addresses = [f"+{n}.test 1 A 10.0.0.{i}" for i, n in enumerate("abc")]
    turned: list[Callable[..., Any]] = [
        says(*records, *addresses), says(*records[::-1], *addresses[::-1])
    ]  # fmt: skip
    with NameServer(after(*turned)) as server:
        source = DnsDiscovery(name="_a.test", servers=server.address, _timing=Pace().timing)
        snapshots: Any = source.watch("users")
        first, second = await anext(snapshots), await anext(snapshots)
        await snapshots.aclose()
    assert 3 == len(first)
    assert all(one is other for one, other in zip(first, second, strict=True))


async def test_answer_from_memory_is_used_and_told() -> None:
    """A resolver that cannot reach the zone may say so; its answer is the best there is."""

    def stale(query: dns.message.Message, tcp: bool) -> Any:
        response: Any = says("web.test 30 A 10.0.0.1")(query, tcp)
        response.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.STALE_ANSWER)])
        return response

    with NameServer(after(stale, says("web.test 30 A 10.0.0.1"))) as server:
        found = await look(server)
        assert ["http://10.0.0.1"] == urls(found)
        error = error_of(found)
        assert isinstance(error, DiscoveryError)
        assert "web.test from memory" in str(error)
        assert error_of(await look(server)) is None


async def test_error_of_the_library_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises over what a server sent, the source fails as any source does."""

    async def broken(*args: Any, **options: Any) -> Any:
        raise IndexError("out of range")

    monkeypatch.setattr(dns.asyncquery, "receive_udp", broken)
    with (
        NameServer(says("web.test 60 A 10.0.0.1")) as server,
        pytest.raises(DiscoveryError, match="out of range"),
    ):
        await look(server)


async def test_name_that_the_service_makes_wrong_is_a_failure() -> None:
    """It concerns this service only."""
    with NameServer(says()) as server:
        snapshots: Any = DnsDiscovery(servers=server.address).watch("a..b")
        with pytest.raises(DiscoveryError, match=r"a\.\.b cannot be resolved"):
            await anext(snapshots)


async def test_cancelled_question_leaves_nothing_open() -> None:
    """A watch may end while its question is on the way."""
    with NameServer(lambda query, tcp: None) as server:
        snapshots: Any = DnsDiscovery(servers=server.address).watch("web")
        with anyio.move_on_after(0.05):
            await anext(snapshots)
        await snapshots.aclose()
        assert server.asked
