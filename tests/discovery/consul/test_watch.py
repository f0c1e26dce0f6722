"""What the source sees of a real agent, as it changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import anyio.to_thread
import pytest

from meshlib import DiscoveryError
from meshlib.discovery.consul import ConsulDiscovery
from support.real.consul import TTL, ConsulAgent, identity
from support.real.following import Following, first, following

A, B, C = (f"http://127.0.0.1:{port}" for port in (8001, 8002, 8003))


@pytest.fixture(scope="module")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    """One agent for all tests of this module, which keeps what it knows."""
    with ConsulAgent(tmp_path_factory.mktemp("consul"), dev=False) as agent:
        for node, url, where in (("near-a", A, 0.0), ("near-b", B, 0.5)):
            agent.catalogue(node, "near", url)
            coordinates = {"Error": 1.5, "Height": 0.0001, "Vec": [where, 0, 0, 0, 0, 0, 0, 0]}
            # Written some seconds later, together with others.
            agent.tell("/coordinate/update", {"Node": node, "Coord": coordinates})
        yield agent


async def urls(consul: ConsulAgent, service: str, **settings: Any) -> list[str]:
    """The first list with *settings*."""
    return [one.url for one in await first(ConsulDiscovery(consul.url, **settings), service)]


async def test_every_change_is_seen(consul: ConsulAgent, service: str) -> None:
    """Instances that come, change and go do so in the list, at once."""
    async with following(ConsulDiscovery(consul.url), service) as seen:
        await seen.until(lambda: seen.lists == [()])
        consul.add(service, A)
        await seen.until_urls(A, within=1.0)
        consul.add(service, B, Weights={"Passing": 3, "Warning": 1}, Meta={"zone": "z1"})
        await seen.until_urls(A, B, within=1.0)
        found = {one.url: one for one in seen.lists[-1]}
        assert (1.0, 3.0) == (found[A].weight, found[B].weight)
        assert {"zone": "z1", "node": "agent", "datacenter": "dc1"}.items() <= (
            found[B].metadata.items()
        )
        consul.add(service, B, Weights={"Passing": 5, "Warning": 1})
        await seen.until(lambda: {one.weight for one in seen.lists[-1]} == {1.0, 5.0}, within=1.0)
        consul.drop(service, A)
        await seen.until_urls(B, within=1.0)
        consul.drop(service, B)
        await seen.until(lambda: seen.lists[-1] == (), within=1.0)


async def test_checks_decide(consul: ConsulAgent, service: str) -> None:
    """By default only what passes is taken; other settings take more, by other weights."""
    weights = {"Passing": 8, "Warning": 2}
    consul.add(service, A, Check=TTL, Weights=weights)
    consul.add(service, B, Check=TTL, Weights=weights)
    passing = ConsulDiscovery(consul.url)
    warning = ConsulDiscovery(consul.url, health="warning")
    every = ConsulDiscovery(consul.url, health="any")
    async with (
        following(passing, service) as some,
        following(warning, service) as more,
        following(every, service) as most,
    ):
        for seen in (some, more, most):
            await seen.until_urls(A, B)
        consul.check(service, A, "warning")
        await some.until_urls(B, within=1.0)
        await more.until(lambda: {one.weight for one in more.lists[-1]} == {8.0, 2.0}, within=1.0)
        consul.check(service, A, "critical")
        await more.until_urls(B, within=1.0)
        assert most.urls == {A, B}
        consul.check(service, A, "passing")
        for seen in (some, more):
            await seen.until_urls(A, B, within=1.0)


async def test_a_check_that_hears_nothing_takes_out(consul: ConsulAgent, service: str) -> None:
    """A TTL that runs out wakes the watch."""
    consul.add(service, A, Check={"TTL": "300ms", "Status": "passing"})
    async with following(ConsulDiscovery(consul.url), service) as seen:
        await seen.until(lambda: seen.lists and seen.lists[-1] == (), within=5.0)


async def until_none(seen: Following) -> None:
    """Wait until there are no endpoints."""
    await seen.until(lambda: seen.lists[-1] == (), within=1.0)


async def test_maintenance_takes_out(consul: ConsulAgent, service: str) -> None:
    """Of an instance and of a whole node, whatever health is asked for."""
    consul.add(service, A)
    consul.add(service, B)
    async with (
        following(ConsulDiscovery(consul.url), service) as some,
        following(ConsulDiscovery(consul.url, health="any"), service) as most,
    ):
        await some.until_urls(A, B)
        path = f"/agent/service/maintenance/{identity(service, A)}"
        consul.tell(path, enable="true", reason="moving")
        for seen in (some, most):
            await seen.until_urls(B, within=1.0)
        consul.tell(path, enable="false")
        for seen in (some, most):
            await seen.until_urls(A, B, within=1.0)
        consul.tell("/agent/maintenance", enable="true")
        try:
            for seen in (some, most):
                await until_none(seen)
        finally:
            consul.tell("/agent/maintenance", enable="false")
        await some.until_urls(A, B, within=1.0)


async def test_tags_choose(consul: ConsulAgent, service: str) -> None:
    """An instance needs all of them, whatever is in them; the metadata tells which it has."""
    consul.add(service, A, Tags=["v1", 'odd "tag"', "shard=3"])
    consul.add(service, B, Tags=["v1"])
    consul.add(service, C)
    assert [A] == await urls(consul, service, tags=["v1", 'odd "tag"'])
    assert [A, B] == sorted(await urls(consul, service, tags="v1"))
    assert [] == await urls(consul, service, tags=["v2"])
    (found,) = await first(ConsulDiscovery(consul.url, tags="shard=3"), service)
    assert ("true", "3") == (found.metadata["tag.v1"], found.metadata["tag.shard"])


async def test_filters_choose(consul: ConsulAgent, service: str) -> None:
    """Any expression of Consul's, and what it does not understand is its error."""
    consul.add(service, A, Meta={"version": "v1"}, Tags=["blue"])
    consul.add(service, B, Meta={"version": "v2"}, Tags=["blue"])
    consul.add(service, C, Meta={"version": "v2"})
    expression = 'Service.Meta.version == "v2"'
    assert [B, C] == sorted(await urls(consul, service, filter=expression))
    assert [B] == await urls(consul, service, filter=expression, tags=["blue"])
    either = f'{expression} or Service.Meta.version == "v1"'
    assert [A, B] == sorted(await urls(consul, service, filter=either, tags=["blue"]))
    with pytest.raises(DiscoveryError, match=r"answered 500: .*expression"):
        await urls(consul, service, filter="nonsense ==")


async def test_nodes_choose(consul: ConsulAgent, service: str) -> None:
    """By their metadata, which is told of each instance."""
    consul.catalogue(f"{service}-a", service, A, NodeMeta={"rack": "r1"})
    consul.catalogue(f"{service}-b", service, B, NodeMeta={"rack": "r2"})
    consul.add(service, C)
    (found,) = await first(ConsulDiscovery(consul.url, node_meta={"rack": "r2"}), service)
    assert (B, "r2", f"{service}-b") == (
        found.url,
        found.metadata["node.rack"],
        found.metadata["node"],
    )


async def test_the_address_of_the_node_will_do(consul: ConsulAgent, service: str) -> None:
    """An instance without one of its own is where its node is."""
    consul.add(service, A, Address="")
    assert [A] == await urls(consul, service)


async def test_a_name_may_be_anything(consul: ConsulAgent) -> None:
    """It is one part of the path; the setting says another one than the mesh's."""
    consul.add("odd/name 1", A)
    (found,) = await first(ConsulDiscovery(consul.url, service="odd/name 1"), "web")
    assert A == found.url
    consul.tell(f"/agent/service/deregister/{identity('odd%2Fname%201', A)}")


async def test_another_datacenter_is_asked(consul: ConsulAgent, service: str) -> None:
    """One that is not there is Consul's error, not an empty list."""
    consul.add(service, A)
    assert [A] == await urls(consul, service, datacenter="dc1")
    with pytest.raises(DiscoveryError, match="No path to datacenter"):
        await urls(consul, service, datacenter="dc2")


async def test_a_namespace_needs_consul_enterprise(consul: ConsulAgent, service: str) -> None:
    """It is sent, so an agent without namespaces says so."""
    with pytest.raises(DiscoveryError, match="Enterprise"):
        await urls(consul, service, namespace="team")


async def test_a_prepared_query_is_executed(consul: ConsulAgent, service: str) -> None:
    """By name or id, again and again."""
    consul.add(service, A, Tags=["blue"])
    consul.add(service, B)
    query = {"Name": service, "Service": {"Service": service, "Tags": ["blue"]}}
    made = consul.client.post("/v1/query", json=query).json()["ID"]
    try:
        for name in (service, made):
            source = ConsulDiscovery(consul.url, query=name, poll="100ms")
            async with following(source, "any") as seen:
                await seen.until_urls(A)
                consul.add(service, B, Tags=["blue"])
                await seen.until_urls(A, B)
            consul.add(service, B)
    finally:
        consul.client.delete(f"/v1/query/{made}")
    with pytest.raises(DiscoveryError, match="answered 404: Query not found"):
        await first(ConsulDiscovery(consul.url, query=service), "any")


async def test_a_cached_answer_is_kept_up_to_date(consul: ConsulAgent, service: str) -> None:
    """The agent follows the service itself, and wakes whoever waits."""
    consul.add(service, A)
    source = ConsulDiscovery(consul.url, cached=True, max_stale=5)
    async with following(source, service) as one, following(source, service) as two:
        await one.until_urls(A)
        await two.until_urls(A)
        consul.add(service, B)
        await one.until_urls(A, B, within=1.0)
        await two.until_urls(A, B, within=1.0)


async def test_every_consistency_is_understood(consul: ConsulAgent, service: str) -> None:
    """An agent that leads answers in each mode."""
    consul.add(service, A)
    for mode in ("default", "stale", "consistent"):
        assert [A] == await urls(consul, service, consistency=mode, max_stale=1)


async def test_bad_instances_are_left_out(
    consul: ConsulAgent, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One without a port is named once in the log, and the others are used."""
    consul.add(service, A)
    consul.add(service, B, Port=0)
    async with following(ConsulDiscovery(consul.url), service) as seen:
        await seen.until_urls(A)
        consul.add(service, C)
        await seen.until_urls(A, C)
    (record,) = caplog.records
    assert identity(service, B) in record.getMessage()


async def test_a_socket_will_do(tmp_path: Path) -> None:
    """An agent may listen at a path."""
    with TemporaryDirectory() as short:
        addresses = {"http": f"127.0.0.1 unix://{short}/consul.sock"}
        with ConsulAgent(tmp_path, config={"addresses": addresses}) as agent:
            agent.add("web", A)
            source = ConsulDiscovery(f"unix://{short}/consul.sock")
            assert [A] == [one.url for one in await first(source, "web")]
            agent.kill()
            with pytest.raises(DiscoveryError, match=f"unix://{short}/consul.sock"):
                await first(source, "web")


async def test_many_services_share_a_source(consul: ConsulAgent, service: str) -> None:
    """One object is asked for several services at a time."""
    source = ConsulDiscovery(consul.url)
    other = f"{service}-other"
    async with following(source, service) as one, following(source, other) as two:
        consul.add(service, A)
        consul.add(other, B)
        await one.until_urls(A)
        await two.until_urls(B)
    consul.drop_all(other)


async def test_the_nearest_come_first(consul: ConsulAgent) -> None:
    """By the coordinates of their nodes; a limit takes the nearest."""
    with anyio.fail_after(20.0):
        while await urls(consul, "near", near="near-b") != [B, A]:
            await anyio.lowlevel.checkpoint()
    assert [A, B] == await urls(consul, "near", near="near-a")
    assert [A] == await urls(consul, "near", near="near-a", limit=1)
    assert [B] == await urls(consul, "near", near="near-b", limit=1)
