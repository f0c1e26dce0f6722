"""What the source sees of a real etcd, as it changes and as it breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest

from meshlib import DiscoveryError
from meshlib.discovery.etcd import EtcdDiscovery
from support.real import wait_until
from support.real.etcd import PREFIX, Member, encoded
from support.real.following import Following, first, following
from support.real.relay import Relay

SLOW = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""For what takes its time, and is the same on either event loop."""
A, B, C = (f"http://127.0.0.1:{port}" for port in (8001, 8002, 8003))


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """One etcd for all tests of this module, which sends its progress often."""
    often = ("--experimental-watch-progress-notify-interval", "300ms")
    with Member(tmp_path_factory.mktemp("etcd"), arguments=often) as member:
        yield member


@pytest.fixture
def service(request: pytest.FixtureRequest, etcd: Member) -> Iterator[str]:
    """A service of its own for each test; its keys are deleted after it."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name).strip("-")
    yield name
    etcd.delete(f"{PREFIX}/{name}/", f"{PREFIX}/{name}0")


@pytest.fixture
def relay(etcd: Member) -> Iterator[Relay]:
    """A line to etcd that can be cut."""
    with Relay(int(etcd.url.rpartition(":")[2])) as line:
        yield line


async def test_every_change_is_seen(etcd: Member, service: str) -> None:
    """Keys that come, change and go do so in the list, at once."""
    async with following(EtcdDiscovery(etcd.url), service) as seen:
        await seen.until(lambda: seen.lists == [()])
        etcd.set(f"{PREFIX}/{service}/a", A)
        await seen.until_urls(A, within=1.0)
        etcd.set(f"{PREFIX}/{service}/b", json.dumps({"url": B, "weight": 3}))
        await seen.until_urls(A, B, within=1.0)
        assert {A: 1.0, B: 3.0} == {one.url: one.weight for one in seen.lists[-1]}
        etcd.delete(f"{PREFIX}/{service}/a")
        await seen.until_urls(B, within=1.0)
        etcd.delete(f"{PREFIX}/{service}/b")
        await seen.until(lambda: seen.lists[-1] == (), within=1.0)


async def test_a_name_that_continues_is_another_service(etcd: Member, service: str) -> None:
    """The range of a service ends with the slash after its name."""
    etcd.set(f"{PREFIX}/{service}/a", A)
    etcd.set(f"{PREFIX}/{service}-2/b", B)
    etcd.set(f"{PREFIX}/{service}0", C)
    assert [A] == [one.url for one in await first(EtcdDiscovery(etcd.url), service)]


async def test_what_a_go_program_registers_is_found(etcd: Member, service: str) -> None:
    """The keys of gRPC's own layout stand under the bare name of their service."""
    value = {"Op": 0, "Addr": "127.0.0.1:8001", "Metadata": {"zone": "a", "nested": {}}}
    etcd.set(f"{service}/127.0.0.1:8001", json.dumps(value))
    source = EtcdDiscovery([etcd.url], prefix="", service=service, scheme="https")
    (found,) = await first(source, "whatever")
    assert ("https://127.0.0.1:8001", {"zone": "a"}) == (found.url, found.metadata)
    etcd.delete(f"{service}/127.0.0.1:8001")


async def test_a_transaction_is_one_change(etcd: Member, service: str) -> None:
    """What changes at one revision is published at once."""
    etcd.set(f"{PREFIX}/{service}/a", A)
    async with following(EtcdDiscovery(etcd.url), service) as seen:
        await seen.until_urls(A)
        operations = [
            {"request_delete_range": {"key": encoded(f"{PREFIX}/{service}/a")}},
            *(
                {"request_put": {"key": encoded(f"{PREFIX}/{service}/{u}"), "value": encoded(u)}}
                for u in (B, C)
            ),
        ]
        etcd.call("/kv/txn", {"success": operations})
        await seen.until_urls(B, C)
        assert 2 == len(seen.lists)


@SLOW
async def test_thousands_are_read_page_by_page(etcd: Member, service: str) -> None:
    """A range of several pages is one list, of one revision."""
    urls = [f"http://10.0.{n // 250}.{n % 250 + 1}:80" for n in range(2500)]
    for start in range(0, len(urls), 100):
        puts = [
            {"request_put": {"key": encoded(f"{PREFIX}/{service}/{u}"), "value": encoded(u)}}
            for u in urls[start : start + 100]
        ]
        etcd.call("/kv/txn", {"success": puts})
    async with following(EtcdDiscovery(etcd.url), service) as seen:
        await seen.until_urls(*urls)
        etcd.delete(f"{PREFIX}/{service}/{urls[0]}")
        await seen.until_urls(*urls[1:], within=1.0)


async def test_a_lease_that_ends_takes_its_key_along(etcd: Member, service: str) -> None:
    """An instance whose heartbeats have stopped vanishes when etcd says so."""
    lease = etcd.call("/lease/grant", {"TTL": 1})["ID"]
    etcd.set(f"{PREFIX}/{service}/a", A)
    etcd.set(f"{PREFIX}/{service}/b", B, lease=lease)
    async with following(EtcdDiscovery(etcd.url), service) as seen:
        await seen.until_urls(A, B)
        await seen.until_urls(A, within=5.0)


async def test_a_broken_line_loses_nothing(etcd: Member, relay: Relay, service: str) -> None:
    """What changed while the watch was cut is in the next list, and nothing is reported."""
    etcd.set(f"{PREFIX}/{service}/a", A)
    async with following(EtcdDiscovery(relay.url, timeout="1m"), service) as seen:
        await seen.until_urls(A)
        await cut(relay, etcd, service, seen)
        etcd.set(f"{PREFIX}/{service}/b", B)
        etcd.delete(f"{PREFIX}/{service}/a")
        relay.mend()
        await seen.until_urls(B)


async def test_compaction_is_survived(etcd: Member, relay: Relay, service: str) -> None:
    """The changes missed while the watch was cut are gone from etcd: all is read again."""
    etcd.set(f"{PREFIX}/{service}/a", A)
    etcd.set(f"{PREFIX}/{service}/b", B)
    async with following(EtcdDiscovery(relay.url, timeout="1m"), service) as seen:
        await seen.until_urls(A, B)
        await cut(relay, etcd, service, seen)
        etcd.delete(f"{PREFIX}/{service}/a")
        for n in range(50):
            revision = etcd.set(f"{PREFIX}/{service}/c", f"{C}/{n}")
        etcd.compact(revision)
        relay.mend()
        await seen.until_urls(B, f"{C}/49")
        etcd.set(f"{PREFIX}/{service}/a", A)
        await seen.until_urls(A, B, f"{C}/49", within=1.0)


@SLOW
async def test_progress_saves_reading_anew(etcd: Member, relay: Relay, service: str) -> None:
    """A service that has not changed for long is followed over a compaction of all the rest."""
    etcd.set(f"{PREFIX}/{service}/a", A)
    async with following(EtcdDiscovery(relay.url, timeout="1m"), service) as seen:
        await seen.until_urls(A)
        for n in range(20):
            revision = etcd.set("/elsewhere", str(n))
        # The progress of all watches is told at the same time.
        await anyio.to_thread.run_sync(progressed, etcd)
        relay.cut()
        etcd.compact(revision)
        connections = relay.connections
        etcd.set(f"{PREFIX}/{service}/b", B)
        relay.mend()
        await seen.until_urls(A, B)
        # Reading anew would take a connection of its own after that of the watch.
        assert connections + 1 == relay.connections


async def test_a_silent_watch_is_begun_again(etcd: Member, relay: Relay, service: str) -> None:
    """Silence, which a dead server keeps as well, is broken by a new watch without a gap."""
    source = EtcdDiscovery(relay.url, idle_timeout="100ms", timeout="1m")
    async with following(source, service) as seen:
        await seen.until(lambda: seen.lists)
        await anyio.to_thread.run_sync(
            wait_until, "one watch after the other", lambda: relay.connections >= 8
        )
        etcd.set(f"{PREFIX}/{service}/a", A)
        await seen.until_urls(A, within=1.0)
        assert 2 == len(seen.lists)


async def test_a_frozen_server_is_reported(etcd: Member, service: str) -> None:
    """A server that accepts and never answers is as good as away."""
    source = EtcdDiscovery(etcd.url, idle_timeout="300ms", timeout="300ms")
    async with following(source, service) as seen:
        await seen.until(lambda: seen.lists)
        etcd.program.freeze()
        try:
            error = await seen.until_error()
        finally:
            etcd.program.thaw()
        assert isinstance(error, DiscoveryError)
        assert (service, "etcd") == (error.service, error.source)
        assert f"no member of etcd answers: {etcd.url}: no answer in 0.3 s" in str(error)


async def test_a_killed_server_is_reported(etcd: Member, service: str) -> None:
    """With nobody to ask, nobody knows; started again with its data, it is followed again."""
    etcd.set(f"{PREFIX}/{service}/a", A)
    source = EtcdDiscovery(etcd.url)
    async with following(source, service) as seen:
        await seen.until_urls(A)
        etcd.kill()
        try:
            error = await seen.until_error()
        finally:
            await anyio.to_thread.run_sync(etcd.start)
        assert etcd.url in str(error)
    assert [A] == [one.url for one in await first(source, service)]


@SLOW
async def test_a_quick_restart_goes_unnoticed(etcd: Member, relay: Relay, service: str) -> None:
    """A server that is back before anybody asked has its watch back where it was."""
    etcd.set(f"{PREFIX}/{service}/a", A)
    async with following(EtcdDiscovery(relay.url, timeout="1m"), service) as seen:
        await seen.until_urls(A)
        await cut(relay, etcd, service, seen)
        etcd.kill()
        await anyio.to_thread.run_sync(etcd.start)
        etcd.set(f"{PREFIX}/{service}/b", B)
        relay.mend()
        await seen.until_urls(A, B)
        assert 2 == len(seen.lists)


@SLOW
async def test_another_store_at_the_address_is_read_anew(
    etcd: Member, service: str, tmp_path: Any
) -> None:
    """A store that is new, or restored from a backup, is at an earlier revision than we are."""
    for n in range(10):
        etcd.set(f"{PREFIX}/{service}/a", f"{A}/{n}")
    with Member(tmp_path) as fresh, Relay(int(etcd.url.rpartition(":")[2])) as relay:
        async with following(EtcdDiscovery(relay.url, timeout="1m"), service) as seen:
            await seen.until_urls(f"{A}/9")
            await cut(relay, etcd, service, seen)
            fresh.set(f"{PREFIX}/{service}/b", B)
            relay.port = int(fresh.url.rpartition(":")[2])
            relay.mend()
            await seen.until_urls(B)
            fresh.set(f"{PREFIX}/{service}/c", C)
            await seen.until_urls(B, C, within=1.0)


@SLOW
async def test_large_changes_come_in_fragments(etcd: Member, relay: Relay, service: str) -> None:
    """A message of some megabytes is sent in parts, and its keys are published together."""
    async with following(EtcdDiscovery(relay.url, timeout="1m"), service) as seen:
        await seen.until(lambda: seen.lists == [()])
        await cut(relay, etcd, service, seen)
        filling = "x" * 100_000
        for n in range(40):
            value = {"url": f"{A}/{n}", "metadata": {"filling": filling}}
            etcd.set(f"{PREFIX}/{service}/{n}", json.dumps(value))
        relay.mend()
        await seen.until_urls(*(f"{A}/{n}" for n in range(40)))
        assert 2 == len(seen.lists)


@SLOW
async def test_many_changes_are_all_seen(etcd: Member, relay: Relay, service: str) -> None:
    """More than etcd sends at a time: what it has not sent yet is not passed over by a cut."""
    async with following(EtcdDiscovery(relay.url, timeout="1m"), service) as seen:
        await seen.until(lambda: seen.lists == [()])
        await cut(relay, etcd, service, seen)
        for n in range(1500):
            etcd.set(f"{PREFIX}/{service}/{n}", f"{A}/{n}")
        relay.mend()
        await seen.until(lambda: seen.urls)
        relay.cut()
        relay.mend()
        await seen.until_urls(*(f"{A}/{n}" for n in range(1500)))


async def test_bad_values_are_left_out(
    etcd: Member, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One that cannot be called is named once in the log, and the others are used."""
    etcd.set(f"{PREFIX}/{service}/", "")
    etcd.set(f"{PREFIX}/{service}/a", A)
    etcd.set(f"{PREFIX}/{service}/b", "{nonsense")
    async with following(EtcdDiscovery(etcd.url), service) as seen:
        await seen.until_urls(A)
        etcd.set(f"{PREFIX}/{service}/c", C)
        await seen.until_urls(A, C)
    (record,) = caplog.records
    assert f"{PREFIX}/{service}/b left out" in record.getMessage()


async def test_nothing_but_bad_values_is_a_failure(etcd: Member, service: str) -> None:
    """That nothing can be called does not say that there are no endpoints."""
    etcd.set(f"{PREFIX}/{service}/b", "ftp://127.0.0.1")
    with pytest.raises(DiscoveryError, match="nothing in etcd can be called"):
        await first(EtcdDiscovery(etcd.url), service)


async def test_a_watch_can_be_closed_between_two_lists(etcd: Member, service: str) -> None:
    """Whoever has heard enough closes the generator, and nothing is left behind."""
    etcd.set(f"{PREFIX}/{service}/a", A)
    lists = cast("Any", EtcdDiscovery(etcd.url).watch(service))
    async with aclosing(lists):
        await anext(lists)
        etcd.set(f"{PREFIX}/{service}/b", B)
        assert {A, B} == {one.url for one in await anext(lists)}


async def test_no_gateway_is_said_plainly(etcd: Member, service: str) -> None:
    """The wrong path, or a server without a gateway, is named in the error."""
    with pytest.raises(DiscoveryError, match="HTTP 404 in place of JSON"):
        await first(EtcdDiscovery(etcd.url, gateway="/v4"), service)


async def test_many_services_share_a_source(etcd: Member, service: str) -> None:
    """One object is asked for several services at a time."""
    source = EtcdDiscovery(etcd.url, prefix=f"{PREFIX}/{service}")
    async with following(source, "one") as one, following(source, "two") as two:
        etcd.set(f"{PREFIX}/{service}/one/a", A)
        etcd.set(f"{PREFIX}/{service}/two/b", B)
        await one.until_urls(A)
        await two.until_urls(B)


async def cut(relay: Relay, etcd: Member, service: str, seen: Following) -> None:
    """Cut the line of a watch that has begun, and wait until the source comes to ask again."""
    before = seen.urls or set()
    key = f"{PREFIX}/{service}/probe"
    etcd.set(key, "http://127.0.0.1:1")
    await seen.until_urls("http://127.0.0.1:1", *before)
    etcd.delete(key)
    await seen.until_urls(*before)
    seen.lists = seen.lists[-1:]
    relay.cut()
    assert await anyio.to_thread.run_sync(relay.waiting.acquire, True, 30.0)


def progressed(etcd: Member) -> None:
    """Wait for two progress messages of a watch of our own, which come after its creation."""
    request = {"create_request": {"key": encoded("/nothing"), "progress_notify": True}}
    with etcd.client.stream("POST", "/v3/watch", json=request) as response:
        lines = response.iter_lines()
        for _ in range(3):
            next(lines)
