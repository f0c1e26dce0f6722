"""A real server that sheds: who is turned away, and who still gets in."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import httpx

from meshlib import Mesh
from meshlib.integrations import MeshMiddleware
from support.application_servers import uvicorn_server

INBOUND = {"concurrency": 3, "trust": {"networks": ["127.0.0.0/8"]}}
"""Three at once, the last of them for what matters most."""


def held() -> Any:
    """An application that begins its answer, and ends it when `/release` is asked for."""
    released = asyncio.Event()

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        if scope["path"] == "/release":
            released.set()
        await released.wait()
        await send({"type": "http.response.body", "body": b", done"})

    async def served(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)

    return served


def test_full_server_turns_away_and_serves_what_matters_most() -> None:
    """The permit is held until the body is complete; the important still get in."""
    mesh = Mesh("orders", config={"inbound": INBOUND})
    with mesh, uvicorn_server(MeshMiddleware(held(), mesh)) as url, ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=url))
        important = {"x-meshlib-priority": "critical-plus"}
        bodies = [stack.enter_context(client.stream("GET", "/hold")).iter_bytes() for _ in range(2)]
        stack.callback(client.get, "/release", headers=important)  # or the server never ends
        assert [b"begun", b"begun"] == [next(body) for body in bodies]

        for headers in ({}, {"x-meshlib-priority": "sheddable"}):
            answer = client.get("/", headers=headers)
            assert 503 == answer.status_code
            assert 1 <= int(answer.headers["retry-after"]) <= 2
            assert 503 == answer.json()["status"]
        assert (1, 0, 1, 0) == tuple(mesh.inbound.counts().shed)

        assert 200 == client.get("/release", headers=important).status_code
        assert [b", done", b", done"] == [b"".join(body) for body in bodies]
        assert b"begun, done" == client.get("/", headers=important).content
