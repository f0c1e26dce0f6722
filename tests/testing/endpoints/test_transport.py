"""`InProcess`: places, loops, threads, and a mesh on top."""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from meshlib import AsyncMeshClient, DeadlineExceededError, MeshClient, deadline
from meshlib.testing.inprocess import ASGIEndpoint, InProcess, WSGIEndpoint
from meshlib.testing.inprocess._endpoint import endpoint_of
from support.applications import raw_asgi
from support.applications_wsgi import raw_wsgi


def ok(request: httpx.Request) -> httpx.Response:
    """The answer of another transport."""
    return httpx.Response(202)


@pytest.mark.parametrize("url", ["users-1", "ftp://users-1", "http://", "/users"])
def test_a_place_is_an_origin(url: str) -> None:
    """A name alone does not say how it is spoken to."""
    with pytest.raises(ValueError, match="is no origin"):
        InProcess({url: raw_wsgi([])})


def test_what_is_no_application_is_refused() -> None:
    """At once, not with the first request."""
    with pytest.raises(TypeError, match="no application"):
        InProcess({"http://a": object()})


def test_an_unknown_place_names_those_that_are_known() -> None:
    """A slip of the pen is found by reading the error."""
    with (
        httpx.Client(transport=InProcess({"http://users-1": raw_wsgi([])})) as client,
        pytest.raises(httpx.ConnectError, match=r"user-1:80; in this process.*http://users-1:80"),
    ):
        client.get("http://user-1/")


def test_places_are_scheme_host_and_port() -> None:
    """Default ports may be left out, and `https` needs no certificate."""
    apps = {"http://a": raw_wsgi([]), "https://a:443": raw_wsgi([]), "http://a:81": raw_wsgi([])}
    with httpx.Client(transport=InProcess(apps)) as client:
        for url in ("http://a:80", "https://a", "http://A:81"):
            told = client.get(f"{url}/environ").json()
            assert httpx.URL(url).scheme == told["wsgi.url_scheme"]
        with pytest.raises(httpx.ConnectError):
            client.get("https://a:81")


class Callable3:
    """An ASGI application that is an object."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Do nothing."""


def test_kinds_of_applications() -> None:
    """Three arguments, or a coroutine function, are ASGI; two are WSGI; endpoints are endpoints."""
    app = raw_asgi([])
    given = WSGIEndpoint(raw_wsgi([]))
    assert isinstance(endpoint_of(app), ASGIEndpoint)
    assert isinstance(endpoint_of(functools.partial(app)), ASGIEndpoint)
    assert isinstance(endpoint_of(lambda scope, receive, send: None), ASGIEndpoint)
    assert isinstance(endpoint_of(Callable3()), ASGIEndpoint)
    assert isinstance(endpoint_of(raw_wsgi([])), WSGIEndpoint)
    assert given is endpoint_of(given)


def test_options_of_a_place_are_what_the_application_sees() -> None:
    """Where it is mounted, and who calls."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["root_path"], scope["path"], scope["raw_path"], scope["client"]))

    def wsgi(environ: Any, start: Any) -> Any:
        keys = ("SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME")
        seen.append(tuple(environ[key] for key in keys))
        start("200 OK", [])
        return []

    places = {
        "http://a": ASGIEndpoint(app, root_path="/x", client=("10.1.1.1", 5), lifespan="off"),
        "http://b": WSGIEndpoint(wsgi, root_path="/x", client=("10.1.1.1", 5)),
    }
    with httpx.Client(transport=InProcess(places)) as client:
        client.get("http://a/y%20z")
        client.get("http://b/y%20z")
    assert ("/x", "/x/y z", b"/x/y%20z", ("10.1.1.1", 5)) == seen[0]
    assert ("/x", "/y z", "10.1.1.1", "5", "b") == seen[1]


def test_the_connection_knows_its_addresses() -> None:
    """As far as a connection without a socket can."""
    with httpx.Client(transport=InProcess({"http://a:81": raw_wsgi([])})) as client:
        stream = client.get("http://a:81/pieces").extensions["network_stream"]
    assert ("a", 81) == stream.get_extra_info("server_addr")
    assert "127.0.0.1" == stream.get_extra_info("client_addr")[0]
    assert stream.get_extra_info("ssl_object") is None


class OnlySync(httpx.BaseTransport):
    """A transport of one world, which counts how often it is closed."""

    closed = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        return ok(request)

    def close(self) -> None:
        """Count it."""
        self.closed += 1


class OnlyAsync(httpx.AsyncBaseTransport):
    """A transport of the other world, which counts how often it is closed."""

    closed = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        return ok(request)

    async def aclose(self) -> None:
        """Count it."""
        self.closed += 1


@pytest.fixture
def places() -> Any:
    """Transports of both worlds beside an application."""
    return {"http://s": OnlySync(), "http://a": OnlyAsync(), "http://w": raw_wsgi([])}


async def test_async_transports_stand_beside_applications(places: Any) -> None:
    """They are used by async clients, and closed with them."""
    async with httpx.AsyncClient(transport=InProcess(places)) as client:
        assert 202 == (await client.get("http://a")).status_code
        assert 200 == (await client.get("http://w/pieces")).status_code
        with pytest.raises(TypeError, match="an async client cannot use it"):
            await client.get("http://s")
    assert (0, 1) == (places["http://s"].closed, places["http://a"].closed)


def test_sync_transports_stand_beside_applications(places: Any) -> None:
    """They are used by sync clients, and closed with them."""
    with httpx.Client(transport=InProcess(places)) as client:
        assert 202 == client.get("http://s").status_code
        assert 200 == client.get("http://w/pieces").status_code
        with pytest.raises(TypeError, match="a sync client cannot use it"):
            client.get("http://a")
    assert (1, 0) == (places["http://s"].closed, places["http://a"].closed)


async def test_other_threads_and_loops_share_the_applications() -> None:
    """Applications run on the loop that opened them, whoever calls."""
    journal: list[Any] = []
    async with InProcess({"http://a": raw_asgi(journal)}) as transport:

        def blocking() -> str:
            return httpx.Client(transport=transport).post("http://a/echo", content=b"sync").text

        async def other_loop() -> str:
            client = httpx.AsyncClient(transport=transport)
            return (await client.post("http://a/echo", content=b"async")).text

        assert "sync" == await anyio.to_thread.run_sync(blocking)
        assert "async" == await anyio.to_thread.run_sync(anyio.run, other_loop)
    assert 1 == journal.count("lifespan.startup")


async def test_blocking_the_loop_of_the_applications_is_refused() -> None:
    """It would wait for itself for ever."""
    async with InProcess({"http://a": raw_asgi([])}) as transport:
        with pytest.raises(RuntimeError, match="would stop the event loop"):
            httpx.Client(transport=transport).get("http://a/pieces")
    transport = InProcess({"http://a": raw_asgi([])})
    await httpx.AsyncClient(transport=transport).get("http://a/pieces")
    with pytest.raises(RuntimeError, match="would stop the event loop"):
        transport.close()
    await transport.aclose()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_transport_outlives_its_loop(backend: str) -> None:
    """Applications whose loop has ended are started on the next one."""
    journal: list[Any] = []
    transport = InProcess({"http://a": ASGIEndpoint(raw_asgi(journal))})

    async def one_test() -> None:
        response = await httpx.AsyncClient(transport=transport).get("http://a/pieces")
        assert 200 == response.status_code

    for _ in range(2):
        anyio.run(one_test, backend=backend)
    transport.close()
    assert 2 == journal.count("lifespan.startup")


def test_a_loop_that_stands_still_is_told_of() -> None:
    """A blocking call would wait for it for ever."""
    transport = InProcess({"http://a": raw_asgi([])})
    with asyncio.Runner() as runner:
        runner.run(transport.__aenter__())

        def blocking() -> None:
            with pytest.raises(RuntimeError, match="is not running"):
                httpx.Client(transport=transport).get("http://a")

        with ThreadPoolExecutor(1) as pool:
            pool.submit(blocking).result()
        runner.run(transport.__aexit__())


def test_fifty_threads() -> None:
    """Each gets its own answer."""
    apps = {"http://a": raw_asgi([]), "http://w": raw_wsgi([])}
    with (
        httpx.Client(transport=InProcess(apps), timeout=30) as client,
        ThreadPoolExecutor(50) as pool,
    ):

        def post(number: int) -> str:
            place = "aw"[number % 2]
            return client.post(f"http://{place}/echo", content=str(number)).text

        assert [str(n) for n in range(100)] == list(pool.map(post, range(100)))


async def test_fifty_tasks() -> None:
    """Each gets its own answer."""
    apps = {"http://a": raw_asgi([]), "http://w": raw_wsgi([])}
    answers: dict[int, str] = {}
    async with httpx.AsyncClient(transport=InProcess(apps), timeout=30) as client:

        async def post(number: int) -> None:
            url = f"http://{'aw'[number % 2]}/echo"
            answers[number] = (await client.post(url, content=str(number))).text

        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(post, number)
    assert {number: str(number) for number in range(50)} == answers


async def test_a_mesh_finds_and_avoids() -> None:
    """Two applications are two endpoints: the one that fails is left alone by its breaker."""
    journal: list[Any] = []

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        journal.append("failed")
        raise ValueError("planted")

    apps = InProcess({"http://users-1": broken, "http://users-2": raw_asgi(journal)})
    services = {
        "users": {
            "endpoints": ["http://users-1", "http://users-2"],
            "balancer": "round_robin",
            "breaker": {"consecutive_failures": 2},
        }
    }
    async with AsyncMeshClient("shop", services=services, transport=apps) as mesh:
        responses = [await mesh.get("users", "/scope") for _ in range(10)]
    assert 2 == journal.count("failed") == [r.status_code for r in responses].count(500)
    names = [name for name, _ in responses[-1].json()["headers"]]
    assert "x-envoy-expected-rq-timeout-ms" in names


async def test_the_deadline_of_a_mesh_reaches_the_application() -> None:
    """As a client that has left."""
    journal: list[Any] = []
    apps = InProcess({"http://users-1": raw_asgi(journal)})
    services = {"users": ["http://users-1"]}
    async with AsyncMeshClient("shop", services=services, transport=apps) as mesh:
        with deadline(0.05), pytest.raises(DeadlineExceededError):
            await mesh.get("users", "/patient")
    assert "http.disconnect" in journal


def test_a_sync_mesh_finds_a_wsgi_application() -> None:
    """The same, for a sync client."""
    apps = InProcess({"http://users-1": raw_wsgi([])})
    with MeshClient("shop", services={"users": ["http://users-1"]}, transport=apps) as mesh:
        assert "one,two" == mesh.get("users", "/pieces").text
