"""Endpoints that are not there answer as they are told, to clients of both kinds."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshClient, Mesh, MeshClient
from meshlib.testing import HANG, FakeCluster, FakeEndpoint, Slow, VirtualTime
from support import FakeClock

NEVER: dict[str, Any] = {"retry": False, "breaker": False}


@pytest.fixture
def virtual() -> Any:
    """Virtual time that ends with the test."""
    with VirtualTime() as virtual:
        yield virtual


def bare(cluster: FakeCluster, **options: Any) -> httpx.Client:
    """A client of httpx itself, without a mesh."""
    return httpx.Client(transport=cluster, **options)


@pytest.mark.parametrize(
    ("item", "status", "body"),
    [
        (204, 204, b""),
        ("text", 200, b"text"),
        ({"a": 1}, 200, b'{"a":1}'),
        (httpx.Response(418, text="teapot"), 418, b"teapot"),
        (lambda request: request.url.path, 200, b"/x"),
        (lambda request: lambda request: 202, 202, b""),
    ],
)
def test_an_item_is_answered(item: Any, status: int, body: bytes) -> None:
    """Each kind of item becomes the response it says, as often as it is asked for."""
    cluster = FakeCluster({"users": item})
    for _ in range(2):
        response = bare(cluster).get("http://users-1.fake/x")
        assert (status, body) == (response.status_code, response.content)


@pytest.mark.parametrize("error", [httpx.ReadError("gone"), httpx.ReadError])
def test_an_error_is_raised(error: Any) -> None:
    """An error of a script, or its class, is raised as a wire would."""
    with pytest.raises(httpx.ReadError):
        bare(FakeCluster({"users": error})).get("http://users-1.fake/")


def test_a_script_goes_on_with_its_last_item() -> None:
    """Items come in order; the last one is answered for ever."""
    cluster = FakeCluster({"users": [503, 200]})
    client = bare(cluster)
    assert [503, 200, 200] == [client.get("http://users-1.fake/").status_code for _ in range(3)]
    cluster["users"].answer(500)
    assert 500 == client.get("http://users-1.fake/").status_code
    assert 4 == cluster["users"].calls == cluster.calls == cluster["users"][0].calls


def test_an_empty_script_is_refused() -> None:
    """There is nothing that it could answer."""
    with pytest.raises(ValueError, match="one answer at least"):
        FakeEndpoint([])


def test_a_slow_answer_takes_virtual_time(virtual: VirtualTime) -> None:
    """Delays of endpoint and item add up, on the clock of the cluster."""
    cluster = FakeCluster({"users": FakeEndpoint(Slow(2.0, 404), delay=1.0)}, clock=virtual)
    assert 404 == bare(cluster).get("http://users-1.fake/").status_code
    assert 3.0 == virtual.elapsed


def test_a_read_timeout_comes_after_its_time(virtual: VirtualTime) -> None:
    """An endpoint that hangs makes httpx wait as long as it said, and no longer."""
    cluster = FakeCluster({"users": HANG}, clock=virtual)
    with pytest.raises(httpx.ReadTimeout):
        bare(cluster, timeout=4.0).get("http://users-1.fake/")
    assert 4.0 == virtual.elapsed
    assert 1 == cluster["users"].calls


async def test_a_read_timeout_comes_after_its_time_in_tasks(virtual: VirtualTime) -> None:
    """The same for an asynchronous client, whose functions may be asynchronous, too."""

    async def answer(request: httpx.Request) -> Any:
        return Slow(1.0, 201) if request.url.path == "/quick" else HANG

    cluster = FakeCluster({"users": answer}, clock=virtual)
    async with httpx.AsyncClient(transport=cluster, timeout=4.0) as client:
        assert 201 == (await client.get("http://users-1.fake/quick")).status_code
        assert 1.0 == virtual.elapsed
        with pytest.raises(httpx.ReadTimeout):
            await client.get("http://users-1.fake/")
    assert 5.0 == virtual.elapsed


def test_a_dead_endpoint_refuses() -> None:
    """What is refused did not reach it."""
    cluster = FakeCluster({"users": 200})
    cluster["users"].down()
    with pytest.raises(httpx.ConnectError, match="refused"):
        bare(cluster).get("http://users-1.fake/")
    assert (0, 1) == (cluster.calls, cluster["users"][0].refused)
    cluster["users"].up()
    assert 200 == bare(cluster).get("http://users-1.fake/").status_code


def test_an_endpoint_flaps_in_time() -> None:
    """It is up for its time, then down for its time, and so on."""
    clock = FakeClock()
    endpoint = FakeEndpoint()
    cluster = FakeCluster({"users": endpoint}, clock=clock)
    endpoint.flap(up=10, down=5)
    states = []
    for _ in range(7):
        states.append(cluster.check(endpoint))
        clock.advance(4.0)
    assert [True, True, True, False, True, True, True] == states
    with pytest.raises(ValueError, match="more than 0"):
        endpoint.flap(up=0, down=1)


def test_unknown_hosts_cannot_be_resolved() -> None:
    """The error says which name it was."""
    with pytest.raises(httpx.ConnectError, match="elsewhere"):
        bare(FakeCluster()).get("http://elsewhere/")
    with pytest.raises(KeyError, match="there are: none"):
        FakeCluster()["users"]


def test_endpoints_are_given_as_objects_or_by_url() -> None:
    """A list of endpoints, and a dict of URLs, are several endpoints of one service."""
    cluster = FakeCluster(
        {
            "users": [FakeEndpoint(200), 503],
            "orders": {"http://10.0.0.1:8080": 200, "https://10.0.0.2": FakeEndpoint(404)},
        }
    )
    assert {
        "users": ["http://users-1.fake", "http://users-2.fake"],
        "orders": ["http://10.0.0.1:8080", "https://10.0.0.2"],
    } == cluster.services
    assert 404 == bare(cluster).get("https://10.0.0.2:443/").status_code
    assert ["users", "orders"] == [service.name for service in cluster]
    assert 2 == len(list(cluster["orders"]))


def test_what_was_served_is_kept() -> None:
    """The requests of all endpoints, in the order of their time, with their bodies."""
    clock = FakeClock()
    cluster = FakeCluster({"users": [FakeEndpoint(), FakeEndpoint()]}, clock=clock)
    for number in (2, 1):
        clock.advance(1.0)
        bare(cluster).post(f"http://users-{number}.fake/", content=b"%d" % number)
    served = cluster["users"].served
    assert [b"2", b"1"] == [each.request.content for each in served]
    assert [1001.0, 1002.0] == [each.time for each in served]
    assert "FakeCluster" in repr(cluster)


async def test_a_mesh_balances_over_it(virtual: VirtualTime) -> None:
    """Clients of both kinds call it by the names of its services, past a dead endpoint."""
    cluster = FakeCluster({"users": [FakeEndpoint(), FakeEndpoint()]}, clock=virtual)
    cluster["users"][0].down()
    with Mesh("test", services=cluster.services, clock=virtual) as mesh:
        async with AsyncMeshClient(mesh=mesh, transport=cluster) as client:
            for _ in range(5):
                assert 200 == (await client.get("http://users/")).status_code
        with MeshClient(mesh=mesh, transport=cluster) as blocking:
            assert 200 == blocking.get("http://users/").status_code
    assert [0, 6] == [endpoint.calls for endpoint in cluster["users"]]


def test_health_checks_ask_the_cluster(virtual: VirtualTime) -> None:
    """A check of an endpoint that flaps takes it out and back in, in virtual time."""
    cluster = FakeCluster({"users": [FakeEndpoint(), FakeEndpoint()]}, clock=virtual)
    settings = {
        "endpoints": cluster["users"].urls,
        "health_check": {"call": cluster.check, "interval": 5, "unhealthy_threshold": 1},
        **NEVER,
    }
    with Mesh("test", services={"users": settings}, clock=virtual) as mesh:
        mesh.start()
        virtual.sleep(20.0)
        cluster["users"][0].down()
        virtual.sleep(20.0)
        with MeshClient(mesh=mesh, transport=cluster) as client:
            assert {200} == {client.get("http://users/").status_code for _ in range(10)}
            assert 0 == cluster["users"][0].refused
            cluster["users"][0].up()
            virtual.sleep(20.0)
            for _ in range(10):
                client.get("http://users/")
    assert cluster["users"][0].calls
