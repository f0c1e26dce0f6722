"""Reports of load, through both middlewares and over real servers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import anyio
import pytest

from meshlib import Endpoint, Mesh, MeshClient
from meshlib.health import LoadProbe
from meshlib.integrations import MeshMiddleware, MeshWSGIMiddleware
from support.application_servers import uvicorn_server, wsgiref_server
from support.real import wait_until
from support.scripts import Reply, replies
from support.servers import ScriptedServer

Serve = Callable[[Mesh], AbstractContextManager[str]]


def _asgi(mesh: Mesh) -> AbstractContextManager[str]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            start = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
            await send(start)
            await send({"type": "http.response.body", "body": scope["path"].encode()})

    return uvicorn_server(MeshMiddleware(app, mesh), lifespan="off")


def _wsgi(mesh: Mesh) -> AbstractContextManager[str]:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("a", "b")])
        return [environ["PATH_INFO"].encode()]

    return wsgiref_server(MeshWSGIMiddleware(app, mesh))


@pytest.mark.parametrize("serve", [_asgi, _wsgi])
def test_answers_bring_reports(serve: Serve) -> None:
    """To a client that balances by them, and to no other."""
    with Mesh("orders") as mesh, serve(mesh) as url:
        for balancer, told in (("prequal", True), ("least_connections", False)):
            services = {"s": {"endpoints": [url], "balancer": balancer}}
            with MeshClient(services=services) as client:
                answers = [client.get("s", "/x") for _ in range(2)]
                assert ["/x", "/x"] == [answer.text for answer in answers]
                assert [told, told] == ["x-mesh-load" in answer.headers for answer in answers]


@pytest.mark.parametrize("serve", [_asgi, _wsgi])
def test_probes_find_out_about_the_silent(serve: Serve) -> None:
    """In the background, at the path that is configured; the application does not see them."""
    with Mesh("orders") as mesh, serve(mesh) as url, serve(mesh) as other:
        balancer = {"prequal": {"probe_path": "/load", "probe_timeout": "5s"}}
        services = {"s": {"endpoints": [url, other], "balancer": balancer}}
        with MeshClient(services=services) as client:
            client.get("s", "/x")
            balances = client.mesh.service("s").balancer
            wait_until("both have told", lambda: len(balances._pool.reports) == 2)
            wait_until("their answers are counted", lambda: mesh.inbound.counts().served == 1)
            assert {} == mesh.inbound.counts().refused


def test_probing_ends_with_its_configuration() -> None:
    """A balancer without a path asks nobody; endpoints that tell nothing are no trouble."""
    probing = {"prequal": {"probe_path": "/load", "probe_timeout": "5s"}}
    with Mesh("orders") as mesh, _asgi(mesh) as url, ScriptedServer(replies()) as mute:
        endpoints = [url, mute.url]
        services = {"s": {"endpoints": endpoints, "balancer": probing}}
        with MeshClient(services=services) as client:
            pool = client.mesh.service("s").balancer._pool
            for _ in range(3):
                client.get("s", "/x")
            wait_until("it has told", lambda: len(pool.reports) == 1)
            wait_until(
                "the other was asked", lambda: any("/load" == r.target for r in mute.requests)
            )
            client.mesh.patch({"balancer": "least_connections"}, service="s")
            assert 200 == client.get("s", "/x").status_code


def test_who_is_away_tells_nothing() -> None:
    """A probe raises nothing, and asks again over a new connection."""
    with ScriptedServer(replies(Reply(204, headers={"X-Mesh-Load": "rif=1"}))) as server:
        endpoint = Endpoint(server.url)

        async def ask() -> list[Any]:
            probe = LoadProbe("/load")
            told = await probe.ask(endpoint)
            server.close()
            both = [told, await probe.ask(endpoint)]
            await probe.aclose()
            assert not probe.is_connected
            return both

        told, untold = anyio.run(ask)
    assert "rif=1" == told["x-mesh-load"]
    assert untold is None
    assert "probe" == server.requests[0].headers["x-mesh-load"]
