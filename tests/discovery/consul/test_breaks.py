"""What the source makes of a real agent that breaks, or has its data replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest

from meshlib import DiscoveryError
from meshlib.discovery import Timing
from meshlib.discovery.consul import ConsulDiscovery
from meshlib.discovery.consul._freshness import Freshness
from meshlib.discovery.consul._query import service_path
from meshlib.discovery.consul._reader import Pace, Reader
from support import Reply, replies
from support.real.consul import ConsulAgent
from support.real.following import first, following
from support.real.relay import Relay

A, B = (f"http://127.0.0.1:{port}" for port in (8001, 8002))


@pytest.fixture(scope="module")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    """One agent for all tests of this module, which keeps what it knows."""
    with ConsulAgent(tmp_path_factory.mktemp("consul"), dev=False) as agent:
        yield agent


async def test_a_wait_that_ends_is_no_news(consul: ConsulAgent, service: str) -> None:
    """Nothing is published when nothing has changed, and the next change is seen at once."""
    consul.add(service, A)
    source = ConsulDiscovery(consul.url, wait="1s")
    timing = Timing()
    async with await source._agent.client() as client, following(source, service) as seen:
        reader = Reader(
            source._agent,
            client,
            service_path(service),
            {},
            blocking=True,
            pace=Pace(wait=1.0, interval=0.5, poll=5.0),
            freshness=Freshness("default", None, cached=False),
            timing=timing,
        )
        before = await reader.read()
        for _ in range(2):
            began = timing.clock()
            after = await reader.read()
            assert 1.0 <= timing.clock() - began < 2.0
            assert before.headers["x-consul-index"] == after.headers["x-consul-index"]
        assert 1 == len(seen.lists)
        consul.add(service, B)
        await seen.until_urls(A, B, within=1.0)


async def test_a_restored_snapshot_is_followed(consul: ConsulAgent, service: str) -> None:
    """The index falls in a running agent: what is and what comes is seen before the wait ends."""
    consul.catalogue(f"{service}-a", service, A)
    snapshot = consul.client.get("/v1/snapshot").content
    for n in range(20):
        consul.catalogue(f"{service}-{n}", service, f"http://127.0.0.1:{9000 + n}")
    old = index(consul, service)

    def restore() -> None:
        consul.client.put("/v1/snapshot", content=snapshot).raise_for_status()

    async with following(ConsulDiscovery(consul.url), service) as seen:
        await seen.until(lambda: seen.lists and len(seen.lists[-1]) == 21)
        await anyio.to_thread.run_sync(restore)
        await seen.until_urls(A, within=5.0)
        assert index(consul, service) < old
        consul.catalogue(f"{service}-b", service, B)
        await seen.until_urls(A, B, within=1.0)


async def test_a_fallen_index_is_noticed_after_the_wait(consul: ConsulAgent, service: str) -> None:
    """A query that is sent just after the data was replaced waits for an index of the old data."""
    consul.catalogue(f"{service}-a", service, A)
    snapshot = consul.client.get("/v1/snapshot").content
    for n in range(20):
        consul.catalogue(f"{service}-{n}", service, f"http://127.0.0.1:{9000 + n}")
    old = index(consul, service)
    async with following(ConsulDiscovery(consul.url, wait="500ms"), service) as seen:
        await seen.until(lambda: seen.lists and len(seen.lists[-1]) == 21)
        # It holds the event loop up, and so the next query.
        consul.client.put("/v1/snapshot", content=snapshot).raise_for_status()
        await seen.until_urls(A, within=5.0)
        assert index(consul, service) < old
        consul.catalogue(f"{service}-b", service, B)
        await seen.until_urls(A, B, within=1.0)


def index(consul: ConsulAgent, service: str) -> int:
    """The index of a service now."""
    answer = consul.client.get(f"/v1/health/service/{service}")
    return int(answer.headers["x-consul-index"])


async def test_an_agent_that_forgot_is_followed(tmp_path: Path) -> None:
    """Killed and begun anew without its data, it counts from the beginning; all is seen."""
    with ConsulAgent(tmp_path) as fresh, Relay(int(fresh.url.rpartition(":")[2])) as relay:
        for n in range(20):
            fresh.add("web", f"http://127.0.0.1:{9000 + n}")
        old = index(fresh, "web")
        async with following(ConsulDiscovery(relay.url), "web") as seen:
            await seen.until(lambda: seen.lists and len(seen.lists[-1]) == 20)
            relay.cut()
            assert await anyio.to_thread.run_sync(relay.waiting.acquire, True, 30.0)
            fresh.kill()
            await anyio.to_thread.run_sync(fresh.start)
            fresh.add("web", A)
            relay.mend()
            await seen.until_urls(A)
            fresh.add("web", B)
            await seen.until_urls(A, B, within=1.0)
            assert index(fresh, "web") < old


async def test_a_watch_that_is_cut_goes_on(consul: ConsulAgent, relay: Relay, service: str) -> None:
    """A connection that breaks is no failure, and nothing is missed meanwhile."""
    consul.add(service, A)
    async with following(ConsulDiscovery(relay.url), service) as seen:
        await seen.until_urls(A)
        relay.cut()
        assert await anyio.to_thread.run_sync(relay.waiting.acquire, True, 30.0)
        consul.add(service, B)
        relay.mend()
        await seen.until_urls(A, B)
        assert 2 == len(seen.lists)


async def test_a_frozen_agent_is_reported(consul: ConsulAgent, service: str) -> None:
    """One that accepts and never answers is as good as away, after the wait."""
    source = ConsulDiscovery(consul.url, wait="300ms", timeout="300ms")
    async with following(source, service) as seen:
        await seen.until(lambda: seen.lists)
        consul.program.freeze()
        try:
            error = await seen.until_error()
        finally:
            consul.program.thaw()
        assert isinstance(error, DiscoveryError)
        assert (service, "consul") == (error.service, error.source)
        assert f"the agent at {consul.url} fails: no answer in 0.3 s" == str(error)


async def test_a_killed_agent_is_reported(consul: ConsulAgent, service: str) -> None:
    """With nobody to ask, nobody knows; started again with its data, it is followed again."""
    consul.add(service, A)
    source = ConsulDiscovery(consul.url)
    async with following(source, service) as seen:
        await seen.until_urls(A)
        consul.kill()
        try:
            error = await seen.until_error()
        finally:
            await anyio.to_thread.run_sync(consul.start)
        assert consul.url in str(error)
    async with following(source, service) as seen:
        await seen.until_urls(A)  # its catalogue has what the agent knows a moment after its start


async def test_what_is_no_agent_is_said_plainly(serve: Any) -> None:
    """Something else at the address is named in the error, with what it said."""
    server = serve()
    with pytest.raises(DiscoveryError, match="Consul sent what cannot be understood"):
        await first(ConsulDiscovery(server.url), "web")


async def test_a_proxy_without_patience_is_no_failure(serve: Any) -> None:
    """It ends a wait with 502 or 504, after which all is read again; a first one is told."""
    index = {"x-consul-index": "7"}
    answer, proxy = Reply(200, b"[]", index), Reply(504, b"too long")
    server = serve(replies(answer, proxy, answer, Reply(500, b"no leader")))
    async with following(ConsulDiscovery(server.url), "web") as seen:
        assert "answered 500: no leader" in str(await seen.until_error())
        assert [()] == seen.lists
    server = serve(replies(proxy))
    with pytest.raises(DiscoveryError, match="answered 504: too long"):
        await first(ConsulDiscovery(server.url), "web")


async def test_a_watch_can_be_closed_between_two_lists(consul: ConsulAgent, service: str) -> None:
    """Whoever has heard enough closes the generator, and nothing is left behind."""
    consul.add(service, A)
    lists = cast("Any", ConsulDiscovery(consul.url).watch(service))
    async with aclosing(lists):
        await anext(lists)
        consul.add(service, B)
        assert {A, B} == {one.url for one in await anext(lists)}
