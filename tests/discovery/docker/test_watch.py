"""Following the containers of a real daemon."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from meshlib import DiscoveryError
from meshlib.discovery.docker import DockerDiscovery
from support.real.docker import Docker, watching
from support.real.following import first, following
from support.real.relay import Relay

LAG = 1.0
"""Seconds within which a change must be seen."""


def serving(port: int, service: str = "users", **labels: str) -> dict[str, str]:
    """Labels of a container in the network of the host."""
    return {
        "meshlib.service": service,
        "meshlib.port": str(port),
        **{f"meshlib.{key}": value for key, value in labels.items()},
    }


def url(port: int) -> str:
    """Where such a container is called."""
    return f"http://127.0.0.1:{port}"


async def do(action: Callable[..., Any], *arguments: Any) -> Any:
    """Do something that blocks, while the source goes on."""
    return await anyio.to_thread.run_sync(action, *arguments)


async def test_containers_come_and_go(docker: Docker) -> None:
    """By their start, their death of whatever kind, a pause, and their removal."""
    source = watching(docker)
    async with following(source, "users") as seen:
        await seen.until_urls()
        one = await do(docker.create, serving(8001))
        await seen.until_urls(url(8001), within=LAG)
        two = await do(docker.create, serving(8002))
        await do(docker.create, serving(8003, "orders"))
        await seen.until_urls(url(8001), url(8002), within=LAG)
        for away, back in (("pause", "unpause"), ("kill", "start"), ("stop", "start")):
            await do(docker.act, one, away)
            await seen.until_urls(url(8002), within=LAG)
            await do(docker.act, one, back)
            await seen.until_urls(url(8001), url(8002), within=LAG)
        await do(docker.remove_container, two)
        await seen.until_urls(url(8001), within=LAG)
        # Labels never change: it is made anew.
        await do(docker.remove_container, one)
        await do(docker.create, serving(8001, weight="3", **{"metadata.zone": "a"}))
        await seen.until(lambda: seen.lists[-1] and seen.lists[-1][0].weight == 3.0, within=LAG)
        assert {"zone": "a"} == seen.lists[-1][0].metadata
    assert () == await first(source, "nobody")


async def test_a_container_that_ends_by_itself_is_gone(docker: Docker) -> None:
    """The daemon tells of its death before its own lists know of it."""
    async with following(watching(docker), "users") as seen:
        for round_number in range(4):
            made = await do(docker.create, serving(8001 + round_number))
            await seen.until_urls(url(8001 + round_number), within=LAG)
            await do(docker.act, made, "kill")
            await seen.until_urls(within=LAG)


async def test_health_decides(docker: Docker) -> None:
    """A check that has not passed yet, one that fails, and one that passes again."""
    check = {"Test": ["CMD", "test", "-e", "/tmp/fit"], "Interval": 10**9, "Retries": 1}
    source = watching(docker)
    everybody = watching(docker, include_unhealthy=True)
    async with following(source, "users") as fit, following(everybody, "users") as all_:
        made = await do(lambda: docker.create(serving(8001), Healthcheck=check))
        await all_.until_urls(url(8001), within=LAG)
        assert docker.health(made) in ("starting", "unhealthy")
        assert set() == fit.urls
        await do(docker.run, made, "touch", "/tmp/fit")
        await fit.until_urls(url(8001))
        await do(docker.run, made, "rm", "/tmp/fit")
        await fit.until_urls()
        assert "unhealthy" == docker.health(made)
        assert url(8001) in (all_.urls or ())


async def test_nothing_falls_between_the_list_and_the_events(docker: Docker) -> None:
    """A container that starts while a watch begins is seen, be it by the one or the other."""
    ports = range(8001, 8006)
    made = [docker.create(serving(port), start=False) for port in ports]
    source = watching(docker)
    for container, port in zip(made, ports, strict=True):
        async with anyio.create_task_group() as group:
            group.start_soon(do, docker.act, container, "start")
            async with following(source, "users") as seen:
                await seen.until_urls(*(url(p) for p in ports if p <= port))


async def test_several_services_in_one_container(docker: Docker) -> None:
    """Each has its own port and says its own."""
    labels = {
        "meshlib.services.users.port": "8001",
        "meshlib.services.orders.port": "8002",
        "meshlib.services.orders.weight": "2",
        "meshlib.metadata.version": "v1",
    }
    docker.create(labels)
    source = DockerDiscovery(docker.address)
    (users,) = await first(source, "users")
    (orders,) = await first(source, "orders")
    assert (url(8001), 1.0) == (users.url, users.weight)
    assert (url(8002), 2.0) == (orders.url, orders.weight)
    assert {"version": "v1"} == users.metadata == orders.metadata
    called_otherwise = DockerDiscovery(docker.address, service="orders")
    assert [url(8002)] == [one.url for one in await first(called_otherwise, "bills")]


@pytest.fixture
def networks(docker: Docker) -> Any:
    """Two networks, in which containers only exist: nobody calls them there."""
    names = ("back", "front")
    for name in names:
        docker.ask("POST", "/networks/create", {"Name": name})
    yield names
    for container in docker.ask("GET", "/containers/json").json():
        docker.remove_container(container["Id"])
    for name in names:
        docker.ask("DELETE", f"/networks/{name}")


@pytest.mark.usefixtures("networks")
async def test_addresses_in_networks_and_on_the_host(docker: Docker) -> None:
    """The container's own address, which changes with its networks, or the published port."""
    made = docker.create(
        {"meshlib.service": "users"},
        host={
            "NetworkMode": "back",
            "PortBindings": {
                "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
                "53/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
            },
        },
        ExposedPorts={"80/tcp": {}, "53/udp": {}},
    )

    def told() -> Any:
        return docker.ask("GET", f"/containers/{made}/json").json()["NetworkSettings"]

    published = told()["Ports"]["80/tcp"][0]["HostPort"]
    on_host = watching(docker, address="host")
    assert [url(int(published))] == [one.url for one in await first(on_host, "users")]
    async with following(watching(docker, network="front"), "users") as front:
        assert re.search("no address in the network front", str(await front.until_error()))
    docker.create(serving(8001))
    async with following(watching(docker), "users") as seen:
        back = told()["Networks"]["back"]["IPAddress"]
        await seen.until_urls(url(8001), f"http://{back}:80")
        await do(lambda: docker.ask("POST", "/networks/front/connect", {"Container": made}))
        # In both, which address counts is not said: it is left out, with a warning.
        await seen.until_urls(url(8001), within=LAG)
        await do(lambda: docker.ask("POST", "/networks/back/disconnect", {"Container": made}))
        front_address = told()["Networks"]["front"]["IPAddress"]
        await seen.until_urls(url(8001), f"http://{front_address}:80", within=LAG)


async def test_a_project_of_compose_needs_no_labels(docker: Docker) -> None:
    """What Compose calls the service is enough."""
    labels = {"com.docker.compose.service": "users", "meshlib.port": "8001"}
    docker.create({**labels, "com.docker.compose.project": "shop"})
    docker.create({**labels, "com.docker.compose.project": "other", "meshlib.port": "8002"})
    source = DockerDiscovery(docker.address, project="shop")
    assert [url(8001)] == [one.url for one in await first(source, "users")]
    assert () == await first(DockerDiscovery(docker.address), "users")


async def test_tls(docker: Docker, certificates: dict[str, str]) -> None:
    """The daemon is known by its authority, and knows us by our certificate."""
    docker.create(serving(8001))
    source = DockerDiscovery(docker.tcp_address, tls=certificates)
    async with following(source, "users") as seen:
        await seen.until_urls(url(8001))
        await do(docker.create, serving(8002))
        await seen.until_urls(url(8001), url(8002), within=LAG)
    for tls in (None, {}, {"ca": certificates["ca"]}):
        with pytest.raises(DiscoveryError, match=re.escape(docker.tcp_address)):
            await first(DockerDiscovery(docker.tcp_address, tls=tls), "users")


async def test_the_daemon_is_killed_and_started_again(docker: Docker) -> None:
    """It is told that nobody knows; afterwards everything is as before."""
    docker.create(serving(8001), host={"RestartPolicy": {"Name": "always"}})
    docker.create(serving(8002))
    source = DockerDiscovery(docker.address)
    async with following(source, "users") as seen:
        await seen.until_urls(url(8001), url(8002))
        docker.kill()
        try:
            error = await seen.until_error()
        finally:
            docker.start()
        assert isinstance(error, DiscoveryError)
        assert docker.address in str(error)
        assert {url(8001), url(8002)} == seen.urls
    # A container that the daemon did not start again serves no longer.
    assert [url(8001)] == [one.url for one in await first(source, "users")]


async def test_a_daemon_that_hangs_is_noticed(docker: Docker) -> None:
    """It accepts and says nothing; when it goes on, so do we."""
    docker.create(serving(8001))
    source = DockerDiscovery(docker.address, timeout=2.0, idle_timeout=0.2)
    async with following(source, "users") as seen:
        await seen.until_urls(url(8001))
        docker.program.freeze()
        try:
            assert "did not answer within 2 s" in str(await seen.until_error())
        finally:
            docker.program.thaw()
    assert [url(8001)] == [one.url for one in await first(source, "users")]


async def test_a_stream_that_is_cut_is_no_failure(
    docker: Docker, certificates: dict[str, str]
) -> None:
    """While the daemon lives it is begun again, and what happened meanwhile is known."""
    docker.create(serving(8001))
    with Relay(int(docker.tcp_address.rpartition(":")[2])) as relay:
        address = relay.url.replace("http:", "tcp:")
        async with following(DockerDiscovery(address, tls=certificates), "users") as seen:
            await seen.until_urls(url(8001))
            relay.cut()
            await do(docker.create, serving(8002))
            relay.mend()
            await seen.until_urls(url(8001), url(8002))
        assert seen.error is None


async def test_nobody_there_is_a_failure(tmp_path: Any) -> None:
    """The error names the socket."""
    missing = f"unix://{tmp_path}/docker.sock"
    with pytest.raises(DiscoveryError, match=f"Docker at {missing} cannot be reached") as error:
        await first(DockerDiscovery(missing), "users")
    assert ("users", "docker") == (error.value.service, error.value.source)
