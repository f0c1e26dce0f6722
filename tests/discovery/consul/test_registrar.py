"""Instances at a real agent: they come, live by their heartbeats, and go."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest

from meshlib import DiscoveryError, Endpoint, register
from meshlib.discovery.consul import ConsulDiscovery, ConsulRegistrar
from meshlib.discovery.consul._layout import registration
from meshlib.discovery.registration import make_instance
from support import Reply, replies
from support.real.consul import ConsulAgent
from support.real.following import first, following

URL = "http://127.0.0.1:8001"


@pytest.fixture(scope="module")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    """One agent for all tests of this module, which forgets all when it is killed."""
    with ConsulAgent(tmp_path_factory.mktemp("consul")) as agent:
        yield agent


@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint("http://127.0.0.1:8001", weight=3.0, metadata={"version": "v1", "zone": "z"}),
        Endpoint("https://127.0.0.1/api", weight=0.25, priority=2, kind="edge"),
        Endpoint("http://[::1]:8001", weight=2.5),
    ],
)
async def test_an_endpoint_comes_back_as_it_was(
    consul: ConsulAgent, service: str, endpoint: Endpoint
) -> None:
    """Also what Consul has no field for."""
    instance = make_instance(service, endpoint, ttl=10.0)
    async with ConsulRegistrar(consul.url, tags=["blue"]).session() as session:
        await session.register(instance)
        (found,) = await first(ConsulDiscovery(consul.url, tags=["blue"]), service)
        assert endpoint.address == found.address
        assert (endpoint.weight, endpoint.priority, endpoint.kind) == (
            found.weight,
            found.priority,
            found.kind,
        )
        around = {"node": "agent", "datacenter": "dc1", "tag.blue": "true"}
        around["node.consul-network-segment"] = ""
        if endpoint.url.startswith("https"):
            around["scheme"] = "https"
        assert {**endpoint.metadata, **around} == found.metadata
        await session.deregister(instance)
        assert () == await first(ConsulDiscovery(consul.url), service)


def test_weights_are_rounded_for_others() -> None:
    """Into what Consul allows."""
    weights = {0.25: 1, 1.0: 1, 2.6: 3, 70000.0: 65535}
    for weight, rounded in weights.items():
        instance = make_instance("web", Endpoint(URL, weight=weight))
        document = registration(instance, tags=(), deregister_after=60.0)
        assert {"Passing": rounded, "Warning": 1} == document["Weights"]
        assert (weight != rounded) == ("meshlib-weight" in document["Meta"])


async def test_heartbeats_keep_it(consul: ConsulAgent, service: str) -> None:
    """The check is passing from the beginning, and says what it lives by."""
    instance = make_instance(service, Endpoint(URL), ttl=10.0)
    async with ConsulRegistrar(consul.url, deregister_after="2m").session() as session:
        await session.register(instance)
        name = f"service:{instance.id}"
        assert "passing" == consul.get("/agent/checks")[name]["Status"]
        consul.tell(f"/agent/check/update/{name}", {"Status": "critical"})
        assert await session.renew(instance)
        check = consul.get("/agent/checks")[name]
        assert ("passing", "meshlib: heartbeats within 10 s") == (check["Status"], check["Output"])
        await session.deregister(instance)


async def test_registering_twice_changes_it(consul: ConsulAgent, service: str) -> None:
    """What is known already is replaced; maintenance, which is not ours, stays."""
    async with ConsulRegistrar(consul.url).session() as session:
        await session.register(make_instance(service, Endpoint(URL, weight=2.0), ttl=10.0))
        instance = make_instance(service, Endpoint(URL, weight=5.0), ttl=10.0)
        await session.register(instance)
        (found,) = await first(ConsulDiscovery(consul.url), service)
        assert 5.0 == found.weight
        consul.tell(f"/agent/service/maintenance/{instance.id}", enable="true")
        await session.register(instance)
        assert await session.renew(instance)
        assert () == await first(ConsulDiscovery(consul.url), service)
        consul.tell(f"/agent/service/maintenance/{instance.id}", enable="false")


async def test_a_lost_instance_is_noticed(consul: ConsulAgent, service: str) -> None:
    """Nobody knows it: never registered, taken out, or forgotten by an agent begun anew."""
    instance = make_instance(service, Endpoint(URL), ttl=10.0)
    async with ConsulRegistrar(consul.url).session() as session:
        assert not await session.renew(instance)
        await session.deregister(instance)
        await session.register(instance)
        consul.tell(f"/agent/service/deregister/{instance.id}")
        assert not await session.renew(instance)
        await session.register(instance)
        assert await session.renew(instance)
        consul.kill()
        try:
            with pytest.raises(DiscoveryError, match=consul.url) as error:
                await session.renew(instance)
            assert (service, "consul") == (error.value.service, error.value.source)
        finally:
            await anyio.to_thread.run_sync(consul.start)
        assert not await session.renew(instance)


@pytest.mark.parametrize("status", [404, 500])
async def test_later_versions_say_it_otherwise(serve: Any, status: int) -> None:
    """An unknown check is `404 Unknown check ID` since Consul 1.11, and 500 before that."""
    body = b'Unknown check ID "service:web". Ensure that the check ID is passed.'
    server = serve(replies(Reply(status, body)))
    instance = make_instance("web", Endpoint(URL))
    async with ConsulRegistrar(server.url).session() as session:
        assert not await session.renew(instance)
        await session.deregister(instance)


async def test_what_is_no_agent_is_said_plainly(serve: Any) -> None:
    """A server without the path does not count as one that has registered us."""
    server = serve(replies(404))
    async with ConsulRegistrar(server.url).session() as session:
        with pytest.raises(DiscoveryError, match="it is no Consul agent"):
            await session.register(make_instance("web", Endpoint(URL)))


async def test_a_session_need_not_be_used() -> None:
    """Entering and leaving it contacts nobody."""
    async with ConsulRegistrar("http://127.0.0.1:1").session():
        pass


async def test_what_consul_refuses_is_told(consul: ConsulAgent, service: str) -> None:
    """Such as metadata that its Meta cannot hold."""
    instance = make_instance(service, Endpoint(URL, metadata={"a/b": "c"}), ttl=10.0)
    async with ConsulRegistrar(consul.url).session() as session:
        with pytest.raises(DiscoveryError, match="answered 400: Invalid Service Meta"):
            await session.register(instance)


async def test_the_agent_forgets_and_is_told_again(consul: ConsulAgent, service: str) -> None:
    """A registration that lasts is there again soon after the agent has lost it."""
    registration = register(service, URL, at={"consul": {"address": consul.url}}, ttl=1.5)
    async with registration:
        assert await anyio.to_thread.run_sync(registration.wait, 30.0)
        assert [URL] == [one.url for one in await first(ConsulDiscovery(consul.url), service)]
        consul.kill()
        await anyio.to_thread.run_sync(consul.start)
        async with following(ConsulDiscovery(consul.url), service) as seen:
            await seen.until_urls(URL, within=10.0)
    assert () == await first(ConsulDiscovery(consul.url), service)


PROGRAM = """
import sys, threading
from meshlib import register

with register(sys.argv[1], sys.argv[2], at={"consul": {"address": sys.argv[3]}}, ttl=1.5) as it:
    assert it.wait(30)
    print("registered", flush=True)
    threading.Event().wait()
"""


async def test_a_killed_process_is_taken_out(consul: ConsulAgent, service: str) -> None:
    """Without a goodbye it is gone within its time to live; before, its heartbeats keep it."""
    arguments = [sys.executable, "-c", textwrap.dedent(PROGRAM), service, URL, consul.url]

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert b"registered\n" == process.stdout.readline()
        return process

    process = await anyio.to_thread.run_sync(start)
    try:
        async with following(ConsulDiscovery(consul.url), service) as seen:
            await seen.until_urls(URL)
            with anyio.move_on_after(2.0):
                await seen.until(lambda: len(seen.lists) > 1)
                pytest.fail("it went though it lives")
            process.kill()
            # What Consul and the two event loops take beside it is far below this.
            await seen.until(lambda: seen.lists[-1] == (), within=1.5 + 0.5)
    finally:
        process.kill()
        process.communicate()
