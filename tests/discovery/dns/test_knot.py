"""The records of a real name server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.resolver
import pytest

from meshlib import DiscoveryError
from meshlib.discovery.dns import DnsDiscovery, _source
from support.nameserver import NameServer, says
from support.real import free_port, wait_until
from support.real.dns import TTL, ZONE, Backend


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """One server for all tests here; each uses names of its own."""
    with Backend(tmp_path_factory.mktemp("knot")) as made:
        yield made


@asynccontextmanager
async def watching(source: DnsDiscovery, service: str = "users") -> AsyncIterator[Any]:
    """The lists of *source*, which never take long."""
    snapshots: Any = source.watch(service)
    try:
        with anyio.fail_after(30):
            yield snapshots
    finally:
        await snapshots.aclose()


async def look(source: DnsDiscovery, service: str = "users") -> list[str]:
    """The URLs of the first list of *source*."""
    async with watching(source, service) as snapshots:
        return [one.url for one in await anext(snapshots)]


async def until(snapshots: Any, *urls: str) -> None:
    """Read lists until one has just these *urls*, for no longer than a change may take."""
    with anyio.fail_after(TTL + 1.0):
        while tuple(one.url for one in await anext(snapshots)) != urls:
            pass


async def test_service_records_make_endpoints(knot: Backend) -> None:
    """With port, priority, weight, and the addresses of the targets."""
    knot.set("a", "A", "127.0.0.2", "127.0.0.3")
    knot.set("b", "A", "127.0.0.4")
    knot.set("_http._tcp.full", "SRV", "10 6 8001 a", "20 1 8002 b")
    source = DnsDiscovery(name=f"_http._tcp.full.{ZONE}", servers=knot.address)
    async with watching(source) as snapshots:
        found = await anext(snapshots)
    assert [
        ("http://127.0.0.2:8001", 3.0, 10, f"a.{ZONE}"),
        ("http://127.0.0.3:8001", 3.0, 10, f"a.{ZONE}"),
        ("http://127.0.0.4:8002", 1.0, 20, f"b.{ZONE}"),
    ] == [(one.url, one.weight, one.priority, one.metadata["target"]) for one in found]


async def test_targets_of_tls_are_called_by_name(knot: Backend) -> None:
    """With https a target's name is what its certificate has."""
    knot.set("_https._tcp.safe", "SRV", "0 1 8443 a", "0 1 8444 b")
    name = f"_https._tcp.safe.{ZONE}"
    source = DnsDiscovery(name=name, servers=knot.address, scheme="https")
    assert [f"https://a.{ZONE}:8443", f"https://b.{ZONE}:8444"] == await look(source)
    knot.set("a", "A", "127.0.0.2")
    knot.set("b", "A", "127.0.0.4")
    source = DnsDiscovery(name=name, servers=knot.address, scheme="https", by="address")
    assert ["https://127.0.0.2:8443", "https://127.0.0.4:8444"] == await look(source)


async def test_hundred_records_come_by_tcp(knot: Backend) -> None:
    """An answer that UDP cannot carry is truncated, and asked for again by TCP."""
    change = knot.change()
    for n in range(100):
        change.replace(f"many-{n}", TTL, "A", f"127.0.1.{n}")
        change.add("_http._tcp.many", TTL, "SRV", f"0 1 {8000 + n} many-{n}")
    knot.send(change)
    for payload in (1232, 0, 512):
        source = DnsDiscovery(
            name=f"_http._tcp.{{service}}.{ZONE}", servers=knot.address, udp_payload=payload
        )
        expected = sorted(f"http://127.0.1.{n}:{8000 + n}" for n in range(100))
        assert expected == await look(source, "many")


async def test_headless_service_of_kubernetes(knot: Backend) -> None:
    """By the records that its name servers have: of ports, and of all pods."""
    service = "shop.default.svc.cluster"
    knot.set(f"pod-0.{service}", "A", "127.0.2.1")
    knot.set(f"pod-1.{service}", "A", "127.0.2.2")
    knot.set(service, "A", "127.0.2.1", "127.0.2.2")
    knot.set(
        f"_http._tcp.{service}", "SRV", f"0 50 8080 pod-0.{service}", f"0 50 8080 pod-1.{service}"
    )
    urls = ["http://127.0.2.1:8080", "http://127.0.2.2:8080"]
    by_port = DnsDiscovery(
        name=f"_http._tcp.{{service}}.default.svc.cluster.{ZONE}", servers=knot.address
    )
    assert urls == await look(by_port, "shop")
    # What a pod's resolv.conf says of servers, domains and dots.
    pod = {"search": [f"default.svc.cluster.{ZONE}", f"svc.cluster.{ZONE}"], "ndots": 5}
    plain = DnsDiscovery(port=8080, servers=knot.address, **pod)
    assert urls == await look(plain, "shop")
    other = DnsDiscovery(name="{service}.default", port=8080, servers=knot.address, **pod)
    assert urls == await look(other, "shop")


async def test_addresses_of_both_families(knot: Backend) -> None:
    """IPv4 where there is any, IPv6 where there is not, or as one says."""
    knot.set("dual", "A", "127.0.0.5")
    knot.set("dual", "AAAA", "::1")
    knot.set("six", "AAAA", "::1")
    four, six = ["http://127.0.0.5"], ["http://[::1]"]
    for family, dual, only in (
        ("auto", four, six),
        ("ipv4", four, []),
        ("ipv6", six, six),
        ("both", [*four, *six], six),
    ):
        source = DnsDiscovery(name=f"{{service}}.{ZONE}", servers=knot.address, family=family)
        assert dual == await look(source, "dual")
        assert only == await look(source, "six")


async def test_aliases_are_followed(knot: Backend) -> None:
    """Within a zone by the server, from one zone to another by us."""
    knot.set("www", "CNAME", "front")
    knot.set("front", "CNAME", "host.other.test.")
    knot.set("host", "A", "127.0.0.6", zone="other.test")
    source = DnsDiscovery(name=f"www.{ZONE}", servers=knot.address)
    assert ["http://127.0.0.6"] == await look(source)


async def test_what_is_not_there_is_an_empty_list(knot: Backend) -> None:
    """Neither a name that does not exist nor one without such records is a failure."""
    knot.set("bare", "TXT", "nothing")
    for name in ("missing", "bare", "_http._tcp.missing", "_http._tcp.bare", "deep.er.missing"):
        assert [] == await look(DnsDiscovery(name=f"{name}.{ZONE}", servers=knot.address))
    knot.set("_http._tcp.closed", "SRV", "0 0 0 .")
    name = f"_http._tcp.closed.{ZONE}"
    assert [] == await look(DnsDiscovery(name=name, servers=knot.address))


async def test_foreign_name_is_a_failure(knot: Backend) -> None:
    """A server that refuses has not said that the name does not exist."""
    with pytest.raises(DiscoveryError, match=r"example\.org cannot be resolved.*REFUSED") as caught:
        await look(DnsDiscovery(name="example.org", servers=knot.address))
    assert ("users", "dns") == (caught.value.service, caught.value.source)
    assert str(knot.port) in str(caught.value)


async def test_changes_are_seen_within_the_time_to_live(knot: Backend) -> None:
    """Endpoints that come, change and go, and the last one too."""
    knot.set("moving", "A", "127.0.3.1")
    source = DnsDiscovery(name=f"moving.{ZONE}", servers=knot.address)
    async with watching(source) as snapshots:
        await until(snapshots, "http://127.0.3.1")
        knot.set("moving", "A", "127.0.3.1", "127.0.3.2")
        await until(snapshots, "http://127.0.3.1", "http://127.0.3.2")
        knot.set("moving", "A", "127.0.3.2")
        await until(snapshots, "http://127.0.3.2")
        knot.set("moving", "A")
        await until(snapshots)
        knot.set("moving", "A", "127.0.3.3")
        await until(snapshots, "http://127.0.3.3")


async def test_server_that_dies_is_a_failure_and_then_heals(knot: Backend) -> None:
    """At once, since nobody listens any more; afterwards all is as it was."""
    knot.set("steady", "A", "127.0.0.7")
    source = DnsDiscovery(name=f"steady.{ZONE}", servers=knot.address)
    async with watching(source) as snapshots:
        assert 1 == len(await anext(snapshots))
        knot.kill()
        try:
            with pytest.raises(DiscoveryError, match=f"steady.{ZONE} cannot be resolved"):
                await anext(snapshots)
        finally:
            knot.start()
    assert ["http://127.0.0.7"] == await look(source)


def hangs(knot: Backend) -> bool:
    """Whether a question is left without an answer."""
    query = dns.message.make_query(f"a.{ZONE}", "A")
    try:
        dns.query.udp(query, "127.0.0.1", port=knot.port, timeout=0.1)
    except dns.exception.Timeout:
        return True
    return False


async def test_server_that_hangs_is_a_failure(knot: Backend) -> None:
    """After the timeout of each of its tries."""
    knot.program.freeze()
    try:
        wait_until("it hangs", lambda: hangs(knot))  # its threads do not stop all at once
        with pytest.raises(DiscoveryError, match=r"expired|timed out"):
            await look(DnsDiscovery(name=f"a.{ZONE}", servers=knot.address, timeout=0.05))
    finally:
        knot.program.thaw()


async def test_second_server_is_asked_when_the_first_is_away(knot: Backend) -> None:
    """Whether nobody listens there, or nobody answers."""
    knot.set("backup", "A", "127.0.0.8")
    with NameServer(lambda query, tcp: None) as silent:
        for first in (f"127.0.0.1:{free_port()}", silent.address):
            source = DnsDiscovery(
                name=f"backup.{ZONE}", servers=[first, knot.address], timeout="200ms"
            )
            assert ["http://127.0.0.8"] == await look(source)
        assert 1 == len(silent.asked)


async def test_server_that_failed_is_asked_after_the_others(knot: Backend) -> None:
    """Or each refresh would wait for its timeout anew."""
    knot.set("again", "A", "127.0.0.9", ttl=0)
    with NameServer(lambda query, tcp: None) as silent:
        source = DnsDiscovery(
            name=f"again.{ZONE}",
            servers=[silent.address, knot.address],
            timeout="1s",
            min_ttl=0.1,
        )
        async with watching(source) as snapshots:
            for _ in range(3):
                await anext(snapshots)
        assert 1 == len(silent.asked)


async def test_system_settings_are_the_default(tmp_path: Path) -> None:
    """Servers, search domains and dots, as resolv.conf has them."""
    servers = NameServer(says("web.a.b.test. 1 A 127.0.0.1"))
    with servers:
        settings = tmp_path / "resolv.conf"
        settings.write_text("nameserver 127.0.0.1\nsearch test b.test\noptions ndots:3 timeout:1\n")
        port = int(servers.address.rpartition(":")[2])
        real = _source.system_settings

        def with_port(path: str) -> Any:
            found = real(path)
            found.port = port
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_source, "system_settings", with_port)
            source = DnsDiscovery(name="web.a", resolv_conf=settings)
            assert ["http://127.0.0.1"] == await look(source)
    assert ["web.a.test. A udp", "web.a.b.test. A udp"] == [
        asked for asked in servers.asked if " A " in asked
    ]


@pytest.mark.parametrize(
    ("system", "settings", "asked"),
    [
        ({"domain": "host.test"}, {}, ["web.host.test.", "web."]),
        ({"domain": "host.test"}, {"search": "own.test"}, ["web.own.test.", "web."]),
        ({"domain": "."}, {}, ["web."]),
        ({"domain": ".", "search": ["a.test"]}, {"ndots": 0}, ["web.", "web.a.test."]),
    ],
)
async def test_system_settings_may_be_replaced_one_by_one(
    monkeypatch: pytest.MonkeyPatch, system: Any, settings: Any, asked: list[str]
) -> None:
    """The host's own domain is searched where no list says otherwise."""
    empty = says("!test 60 SOA ns.test root.test 1 1 1 1 1", rcode=dns.rcode.NXDOMAIN)
    with NameServer(empty) as server:
        address, _, port = server.address.partition(":")

        def read(path: str) -> Any:
            found = dns.resolver.Resolver(configure=False)
            found.nameservers, found.port = [address], int(port)
            found.domain = dns.name.from_text(system["domain"])
            found.search = [dns.name.from_text(one) for one in system.get("search", ())]
            return found

        monkeypatch.setattr(_source, "system_settings", read)
        assert [] == await look(DnsDiscovery(name="web", **settings))
    assert asked == [one.partition(" ")[0] for one in server.asked]


@pytest.mark.parametrize("content", [None, "search test\n"])
async def test_no_system_settings_are_a_failure(tmp_path: Path, content: str | None) -> None:
    """There is nobody to ask."""
    settings = tmp_path / "resolv.conf"
    if content is not None:
        settings.write_text(content)
    with pytest.raises(DiscoveryError, match="cannot be resolved"):
        await look(DnsDiscovery(name="web", resolv_conf=settings))
