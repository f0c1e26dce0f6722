"""Several clients of one mesh, blocking and not, in several threads and event loops at once."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from meshlib import (
    AsyncMeshClient,
    AsyncMeshTransport,
    CallOptions,
    CircuitOpenError,
    Event,
    Mesh,
    MeshClient,
    MeshTransport,
)
from support import ScriptedServer, echo, replies
from support.ways import WAYS, Way

Serve = Callable[..., ScriptedServer]
BOTH = [way for way in WAYS if way.client == "mesh"]
TWITCHY = {"breaker": {"consecutive_failures": 1}, "retry": False}


def shared_mesh(server: ScriptedServer, **settings: Any) -> Mesh:
    """A mesh with one service."""
    return Mesh("shared", services={"users": {"endpoints": [server.url], **settings}})


@pytest.mark.parametrize("way", BOTH, ids=str)
async def test_state_is_shared_between_clients(way: Way, serve: Serve) -> None:
    """A circuit that one client's call opened is open for the others of any colour."""
    server = serve(replies(500))
    with shared_mesh(server, **TWITCHY) as mesh, MeshClient(mesh=mesh) as client:
        async with AsyncMeshClient(mesh=mesh) as other:
            if way.loop:
                assert (await other.get("http://users/")).status_code == 500
            else:
                assert client.get("http://users/").status_code == 500
            with pytest.raises(CircuitOpenError):
                client.get("http://users/")
            with pytest.raises(CircuitOpenError):
                await other.get("http://users/")
        with MeshTransport(mesh=mesh) as third, pytest.raises(CircuitOpenError):
            third.handle_request(httpx.Request("GET", "http://users/"))
    assert len(server.requests) == 1


def test_clients_have_a_mesh_of_their_own_by_default(serve: Serve) -> None:
    """What happened to one client concerns no other."""
    server = serve(replies(500, 200))
    services = {"users": {"endpoints": [server.url], **TWITCHY}}
    with MeshClient(services=services) as one, MeshClient(services=services) as other:
        assert one.get("http://users/").status_code == 500
        assert other.get("http://users/").status_code == 200
        assert one.mesh is not other.mesh


@pytest.mark.parametrize("way", BOTH, ids=str)
async def test_closing_a_client_leaves_a_shared_mesh(way: Way, serve: Serve) -> None:
    """The mesh ends with the client that made it, and else with the one who did."""
    server = serve()
    mesh = shared_mesh(server)
    with MeshClient(mesh=mesh) as client:
        client.get("http://users/")
    async with AsyncMeshClient(mesh=mesh) as other:
        await other.get("http://users/")
    with MeshClient(mesh=mesh) as client:
        assert client.get("http://users/").status_code == 200
    assert [one.connection for one in server.requests] == [0, 1, 2]
    mesh.close()
    mesh.close()


@pytest.mark.parametrize("way", BOTH, ids=str)
async def test_transports_close_twice(way: Way, serve: Serve) -> None:
    """Of a shared mesh or of their own, used or not."""
    server = serve()
    for options in ({"mesh": shared_mesh(server)}, {"services": {"users": [server.url]}}, {}):
        blocking, suspending = MeshTransport(**options), AsyncMeshTransport(**options)
        for _ in range(2):
            blocking.close()
            await suspending.aclose()


def test_listeners_of_a_client_hear_the_shared_mesh(serve: Serve) -> None:
    """They are added to those of the mesh, and hear what its other clients do."""
    server = serve()
    heard: list[Event] = []
    with (
        shared_mesh(server) as mesh,
        MeshClient(mesh=mesh, listeners=[heard.append]),
        MeshClient(mesh=mesh) as client,
    ):
        client.get("http://users/")
    assert heard


def test_threads_share_a_client(serve: Serve) -> None:
    """Eight threads at once: every request has its own answer, and connections are shared."""
    server = serve(echo())
    with MeshClient(services={"users": [server.url]}) as client:
        barrier = threading.Barrier(8, timeout=30)

        def ask(number: int) -> list[str]:
            barrier.wait()
            return [
                client.post("http://users/", content=f"{number}-{turn}").text for turn in range(20)
            ]

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(8)))
    assert answers == [[f"{number}-{turn}" for turn in range(20)] for number in range(8)]
    assert len(server.connections) <= 8


@pytest.mark.parametrize("way", BOTH[1:], ids=str)
async def test_both_colours_work_at_once(way: Way, serve: Serve) -> None:
    """A blocking client in a thread and an asynchronous one in tasks, over one mesh."""
    server = serve(echo())
    answers: list[str] = []
    with shared_mesh(server) as mesh, MeshClient(mesh=mesh) as client:

        def block() -> list[str]:
            return [client.post("http://users/", content=f"b{n}").text for n in range(20)]

        async def run_block() -> None:
            answers.extend(await anyio.to_thread.run_sync(block))

        async with AsyncMeshClient(mesh=mesh) as other, anyio.create_task_group() as tasks:

            async def ask(number: int) -> None:
                answers.append((await other.post("http://users/", content=f"a{number}")).text)

            tasks.start_soon(run_block)
            for number in range(20):
                tasks.start_soon(ask, number)
    assert sorted(answers) == sorted([f"{c}{n}" for c in "ab" for n in range(20)])


# Nobody can close the connections of an event loop that has ended: asyncio tells of each.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # connections of a loop that ended without `aclose` are left to the collector
def test_event_loops_share_a_client(serve: Serve) -> None:
    """One after the other: a connection of a loop that ended is not used again."""
    server = serve()
    client = AsyncMeshClient(services={"users": [server.url]})
    for _ in range(3):
        assert asyncio.run(client.get("http://users/")).status_code == 200
    assert [one.connection for one in server.requests] == [0, 1, 2]

    async def several() -> list[int]:
        responses = [await client.get("http://users/") for _ in range(3)]
        await client.aclose()
        return [response.status_code for response in responses]

    assert asyncio.run(several()) == [200, 200, 200]
    assert [one.connection for one in server.requests][3:] == [3, 3, 3]
    gc.collect()


@pytest.mark.parametrize("way", BOTH, ids=str)
async def test_failing_replica_is_absorbed(way: Way, serve: Serve) -> None:
    """With one good endpoint and one bad one, no call sees the bad one."""
    good, bad = serve(replies(b"good")), serve(replies(503))
    user = way.make(good.url, services={"site": [bad.url, good.url]})
    for _ in range(12):
        assert (await user.get("/")).text == "good"
    assert bad.requests
    await user.close()


@pytest.mark.parametrize("way", BOTH, ids=str)
async def test_report_comes_with_each_response(way: Way, serve: Serve) -> None:
    """However the response was asked for, and also after it was read."""
    server = serve()
    user = way.make(server.url)
    request = user.client.build_request("GET", user.at("/"))
    once = {"mesh": CallOptions(retry=False)}
    responses = [
        await user.get("/"),
        await user.get("/", auth=("a", "b")),
        await user.post("/", json={}, extensions=once),
        await user.send(request),
    ]
    for response in responses:
        report = response.extensions["mesh"]
        assert report.service == "site"
        assert [attempt.status for attempt in report.attempts] == [200]
    await user.close()
