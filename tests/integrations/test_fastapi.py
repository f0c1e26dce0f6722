"""The mesh in FastAPI applications."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware

from meshlib import AsyncMeshClient, CallOptions, ConfigurationError
from meshlib._context import ambient_deadline
from meshlib.integrations.fastapi import MeshDependency, Meshed
from support import ScriptedServer, never_answer, replies
from support.serving import DEADLINE, SOON, ask, past_the_deadline


def made(**options: Any) -> tuple[FastAPI, Meshed]:
    """An application in a mesh."""
    app, meshed = FastAPI(), Meshed("shop", **options)
    meshed.install(app)
    return app, meshed


async def test_client_as_a_dependency() -> None:
    """Both ways to ask for the client give that of the application."""
    app, meshed = made()
    got: list[Any] = []
    depends = Depends(meshed)

    @app.get("/")
    async def index(one: MeshDependency, other: AsyncMeshClient = depends) -> str:
        got.extend([one, other])
        return "ok"

    assert 200 == (await ask(app)).status
    assert [meshed.client, meshed.client] == got


async def test_dependency_without_a_mesh() -> None:
    """Where none is installed, the error says how."""
    app = FastAPI()

    @app.get("/")
    async def index(mesh: MeshDependency) -> str:
        pytest.fail("there is no mesh")

    with pytest.raises(ConfigurationError, match="install"):
        await ask(app)


async def test_calls_carry_the_request_on() -> None:
    """What is called for a request hears of its id, its deadline and its chain."""
    with ScriptedServer(replies(200)) as backend:
        app, meshed = made(services={"users": [backend.url]})

        @app.get("/")
        async def index(mesh: MeshDependency) -> int:
            return (await mesh.get("users", "/")).status_code

        headers = {"x-request-id": "r-1", DEADLINE: "10000"}
        async with meshed.running():
            assert b"200" == (await ask(app, headers=headers)).body
        sent = {k.lower(): v for k, v in backend.requests[0].headers.items()}
    assert "r-1" == sent["x-request-id"]
    assert 0 < int(sent[DEADLINE]) <= 10000
    assert "r-1;1;shop" == sent["x-meshlib-chain"]


async def test_deadline_of_a_call_is_the_callers() -> None:
    """A handler that waits for a silent service is answered for when its caller gives up."""
    with ScriptedServer(never_answer()) as backend:
        app, meshed = made(services={"users": [backend.url]})

        @app.get("/")
        async def index(mesh: MeshDependency) -> int:
            return (await mesh.get("users", "/")).status_code

        async with meshed.running():
            assert 504 == (await ask(app, headers=SOON)).status


async def test_degrades_gracefully() -> None:
    """A fallback of a call answers, and the handler with it."""
    app, meshed = made(services={"recommendations": ["http://127.0.0.1:1"]})

    @app.get("/")
    async def index(mesh: MeshDependency) -> Any:
        options = CallOptions(fallback={"items": []})
        answer = await mesh.get("recommendations", "/", extensions={"mesh": options})
        return answer.json()

    async with meshed.running():
        assert {"items": []} == (await ask(app)).json


async def test_route_is_told() -> None:
    """The event of a request names the template that it matched."""
    events: list[Any] = []
    app, _ = made(listeners=[events.append])

    @app.get("/users/{user}")
    async def user(user: str) -> str:
        return user

    await ask(app, "/users/7")
    await ask(app, "/nowhere")
    assert ["/users/{user}", ""] == [event.route for event in events]


async def test_background_tasks_outlive_the_deadline() -> None:
    """They run when the answer is complete, in nobody's time."""
    app, _ = made()
    seen: list[Any] = []

    async def later() -> None:
        await past_the_deadline()
        seen.append(ambient_deadline.get())

    @app.get("/")
    async def index(tasks: BackgroundTasks) -> str:
        tasks.add_task(later)
        return "ok"

    assert 200 == (await ask(app, headers=SOON)).status
    assert [None] == seen


async def test_streams_under_another_middleware() -> None:
    """A middleware that runs the application in a task of its own changes nothing."""
    app, meshed = made()

    async def around(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    @app.get("/")
    async def index(silent: bool = False) -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"a"
            if silent:
                await anyio.sleep_forever()
            yield b"b"

        if silent:
            await anyio.sleep_forever()
        return StreamingResponse(chunks())

    app.middleware_stack = BaseHTTPMiddleware(app.build_middleware_stack(), dispatch=around)
    assert b"ab" == (await ask(app)).body
    assert 504 == (await ask(app, headers=SOON, query_string=b"silent=true")).status
    assert 0 == meshed.in_flight()


async def test_blocking_handler_is_answered_for() -> None:
    """A handler in a thread cannot be cancelled; its caller is answered all the same."""
    app, meshed = made()
    entered = anyio.Event()

    @app.get("/")
    def index() -> float:
        anyio.from_thread.run_sync(entered.set)
        return ambient_deadline.get() or 0.0

    answered = await ask(app, headers={DEADLINE: "10000"})
    assert 0 < answered.json - meshed.client.mesh.clock() <= 10  # type: ignore[union-attr]  # no tenant's
