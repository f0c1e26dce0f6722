"""Both middlewares behind real servers: answers, deadlines, bodies that break off, probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from meshlib import Mesh
from meshlib._context import served_request
from meshlib.integrations import MeshMiddleware, MeshWSGIMiddleware
from support.application_servers import (
    hypercorn_server,
    uvicorn_server,
    waitress_server,
    wsgiref_server,
)
from support.gunicorn import gunicorn_server
from support.serving import DEADLINE

Server = Callable[[Any], AbstractContextManager[str]]

ASGI = pytest.mark.parametrize("server", [uvicorn_server, hypercorn_server])
WSGI = pytest.mark.parametrize("server", [waitress_server, wsgiref_server])


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    """A mesh that serves."""
    with Mesh("orders") as mesh:
        yield mesh


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Who asked, a body in parts, one that never ends, and silence."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/silent":
        await anyio.sleep_forever()
    length = [] if scope["path"] == "/endless" else [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    if scope["path"] == "/endless":
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await anyio.sleep_forever()
    served = served_request.get()
    assert served is not None
    name = served.request_id.encode()
    await send({"type": "http.response.body", "body": name[:2], "more_body": True})
    await send({"type": "http.response.body", "body": name[2:]})


def wsgi(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Who asked, in parts."""
    start_response("200 OK", [("content-length", "4")])
    served = served_request.get()
    assert served is not None
    if environ["REQUEST_METHOD"] == "HEAD":  # not every server drops a body then
        return
    yield served.request_id[:2].encode()
    assert served_request.get() is served
    yield served.request_id[2:].encode()


def check_answers(url: str) -> None:
    """What is the same behind every server."""
    with httpx.Client(base_url=url, headers={"x-request-id": "r-12"}) as client:
        for method in ("GET", "HEAD"):
            answer = client.request(method, "/", headers={DEADLINE: "30000"})
            assert (200, "4") == (answer.status_code, answer.headers["content-length"])
            assert ("r-12" if method == "GET" else "") == answer.text
            expired = client.request(method, "/", headers={DEADLINE: "0"})
            assert 504 == expired.status_code
            assert "application/problem+json" == expired.headers["content-type"]
            assert int(expired.headers["content-length"]) > 0
            live = client.request(method, "/health/live")
            assert (200, "no-store") == (live.status_code, live.headers["cache-control"])
        assert {"status": "pass"} == client.get("/health/ready").json()
        assert 405 == client.post("/health/ready").status_code


@ASGI
def test_answers_over_asgi(server: Server, mesh: Mesh) -> None:
    """Answers, refusals and probes arrive as they should, also to HEAD."""
    with server(MeshMiddleware(asgi, mesh, probes="/health")) as url:
        check_answers(url)
    assert 0 == mesh.inbound.counts().in_flight


@WSGI
def test_answers_over_wsgi(server: Server, mesh: Mesh) -> None:
    """Answers, refusals and probes arrive as they should, also to HEAD."""
    with server(MeshWSGIMiddleware(wsgi, mesh, probes="/health")) as url:
        check_answers(url)
    assert 0 == mesh.inbound.counts().in_flight


@ASGI
def test_deadline_over_asgi(server: Server, mesh: Mesh) -> None:
    """A silent handler is answered for, and the connection goes on."""
    with server(MeshMiddleware(asgi, mesh)) as url, httpx.Client(base_url=url) as client:
        answer = client.get("/silent", headers={DEADLINE: "30"})
        assert 504 == answer.status_code
        assert 200 == client.get("/", headers={"x-request-id": "r-12"}).status_code
    assert 0 == mesh.inbound.counts().in_flight


@ASGI
def test_body_that_is_cut_off_over_asgi(
    server: Server, mesh: Mesh, caplog: pytest.LogCaptureFixture
) -> None:
    """A client can tell a body that broke off at the deadline from one that has ended."""
    with server(MeshMiddleware(asgi, mesh)) as url, httpx.Client(base_url=url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/endless", headers={DEADLINE: "30"})
        assert 200 == client.get("/", headers={"x-request-id": "r-12"}).status_code
    assert 0 == mesh.inbound.counts().in_flight


def test_body_that_is_cut_off_over_wsgi(mesh: Mesh) -> None:
    """So it can over WSGI."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("content-length", "1000000")])
        while True:  # until nobody waits any more
            yield b"."

    with (
        waitress_server(MeshWSGIMiddleware(app, mesh)) as url,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        httpx.get(url, headers={DEADLINE: "100"})
    assert 0 == mesh.inbound.counts().in_flight


APP = """
import os
from meshlib import Mesh
from meshlib._context import served_request
from meshlib.integrations import MeshWSGIMiddleware

mesh = Mesh("orders", config={"inbound": {"concurrency": {"fixed": 5}}})
before_the_fork = mesh.inbound.arrive  # it has its state now
loaded_in = os.getpid()

def plain(environ, start_response):
    if environ["PATH_INFO"] == "/where":
        counts = mesh.inbound.counts()
        body = f"{loaded_in} {os.getpid()} {counts.in_flight}".encode()
        start_response("200 OK", [("content-length", str(len(body)))])
        return [body]
    return chunks(environ, start_response)

def chunks(environ, start_response):
    start_response("200 OK", [("content-length", "4")])
    name = served_request.get().request_id
    yield name[:2].encode()
    yield served_request.get().request_id[2:].encode()

app = MeshWSGIMiddleware(plain, mesh, probes="/health")
"""


@pytest.mark.parametrize(
    "options",
    [
        ("--worker-class=sync", "--workers=2"),
        ("--worker-class=sync", "--workers=2", "--preload"),
        ("--worker-class=gthread", "--threads=4", "--workers=2", "--preload"),
    ],
    ids=["sync", "sync-preload", "gthread-preload"],
)
def test_gunicorn(options: tuple[str, ...], tmp_path: Path) -> None:
    """Workers that were forked serve, from a mesh of their own or of their parent."""
    with gunicorn_server(APP, tmp_path, *options) as server:
        check_answers(server.url)
        places = {httpx.get(f"{server.url}/where").text for _ in range(20)}
    for place in places:
        loaded, served, in_flight = place.split()
        assert ("--preload" in options) == (loaded != served)
        assert "1" == in_flight
    assert "Traceback" not in server.log
