"""A mesh client that lives as long as an ASGI application."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from meshlib import AsyncMeshClient, ConfigurationError, Mesh, register
from meshlib._context import served_request
from meshlib.health import ProcessHealth
from meshlib.integrations import Meshed
from support import ScriptedServer, replies
from support.registrar import Remembered
from support.serving import ask, until
from support.source import ROOT


def registered_in(journal: list[Any], **options: Any) -> Any:
    """A registration that is remembered in *journal*."""
    return register("orders", "http://10.0.0.1:80", at=Remembered(journal), **options)


async def index(request: Request) -> Response:
    """Say who asked."""
    served = served_request.get()
    return PlainTextResponse("nobody" if served is None else served.request_id)


class Lifespan:
    """The server's end of a lifespan."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._shutdown = anyio.Event()
        self._began = False
        self.sent: list[dict[str, Any]] = []

    async def _receive(self) -> dict[str, Any]:
        if not self._began:
            self._began = True
            return {"type": "lifespan.startup"}
        await self._shutdown.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Be up inside the block."""
        async with anyio.create_task_group() as group:
            group.start_soon(
                self._app, {"type": "lifespan", "state": {}}, self._receive, self._send
            )
            while not self.sent:
                await anyio.lowlevel.checkpoint()
            yield
            self._shutdown.set()


async def test_installed_in_starlette() -> None:
    """The client is open within the application's own lifespan, and closed after it."""
    journal: list[Any] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        journal.append(("up", meshed.client.is_closed))
        yield {"mine": "yes"}
        journal.append(("down", meshed.client.is_closed))

    app = Starlette(routes=[Route("/", index)], lifespan=lifespan)
    meshed = Meshed("orders")
    meshed.install(app)
    server = Lifespan(app)
    async with server():
        client = await meshed()
        answered = await ask(app, headers={"x-request-id": "r-1"}, state={})
        assert (200, b"r-1") == (answered.status, answered.body)
        assert 200 == (await ask(app, "/health/ready")).status
    types = [message["type"] for message in server.sent]
    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == types
    assert [("up", False), ("down", False)] == journal
    assert client.is_closed


async def test_started_again_after_its_end() -> None:
    """Each life has a client of its own, and the middleware goes by the present one."""
    app = Starlette(routes=[Route("/", index)])
    meshed = Meshed("orders")
    meshed.install(app)
    clients: list[AsyncMeshClient] = []
    for _ in range(2):
        async with Lifespan(app)():
            clients.append(meshed.client)
            assert not meshed.client.is_closed
            await ask(app, state={})
            assert 200 == (await ask(app, "/health/ready")).status
            assert 1 == meshed.client.mesh.inbound.counts().served  # type: ignore[union-attr]  # it is no tenant's
    assert clients[0] is not clients[1]
    assert all(client.is_closed for client in clients)


async def test_shared_mesh_stays_open() -> None:
    """A mesh that was given belongs to whoever gave it."""
    with Mesh("orders") as mesh, ScriptedServer(replies(200)) as server:
        async with Meshed(mesh=mesh).running() as client:
            assert client.mesh is mesh
        async with AsyncMeshClient(mesh=mesh) as another:
            assert 200 == (await another.get(server.url)).status_code


async def test_registers_once_it_has_started() -> None:
    """Others learn of the process when its startup checks have passed, and not before."""
    journal: list[Any] = []
    warm = anyio.Event()
    health = ProcessHealth()
    health.add("warm", warm.is_set, probes=["startup"], cache=0)
    registration = registered_in(journal)
    meshed = Meshed("orders", health=health, registration=registration)
    async with meshed.running():
        await anyio.wait_all_tasks_blocked()
        assert [] == journal
        warm.set()
        await until(lambda: registration.status.state == "registered")
    assert ["registered", "deregistered"] == journal


async def test_order_at_the_end() -> None:
    """Not ready, then not registered, then nothing in flight, then closed."""
    journal: list[Any] = []
    entered, go_on = anyio.Event(), anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await go_on.wait()
        journal.append(("served", meshed.client.is_closed))
        await PlainTextResponse("done")(scope, receive, send)

    class Registrar(Remembered):
        async def deregister(self, instance: Any) -> None:
            """Look at the readiness of this moment."""
            journal.append(("deregistered", (await meshed.health.check("ready")).ok))

    registration = register("orders", "http://10.0.0.1:80", at=Registrar(journal))
    meshed = Meshed("orders", registration=[registration])
    middleware = meshed.middleware(app)
    async with anyio.create_task_group() as group:
        async with meshed.running() as client:
            await until(lambda: registration.status.state == "registered")
            group.start_soon(ask, middleware)
            await entered.wait()
            group.start_soon(_set_when, go_on, lambda: ("deregistered", False) in journal)
        assert client.is_closed
    assert ["registered", ("deregistered", False), ("served", False)] == journal


async def _set_when(event: anyio.Event, ready: Any) -> None:
    await until(ready)
    event.set()


async def test_patience_ends() -> None:
    """A request that never ends holds up the end no longer than was said."""
    meshed = Meshed("orders", patience=0.01)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        async with meshed.running():
            group.start_soon(ask, meshed.middleware(app))
            await anyio.wait_all_tasks_blocked()
            assert 1 == meshed.in_flight()
        group.cancel_scope.cancel()
    assert 0 == meshed.in_flight()


async def test_ready_again_after_a_restart() -> None:
    """Draining ends with the life that it was for."""
    meshed = Meshed("orders")
    for _ in range(2):
        async with meshed.running():
            assert (await meshed.health.check("ready")).ok
        assert not (await meshed.health.check("ready")).ok


async def test_wrapped_application_has_a_lifespan() -> None:
    """An application that knows nothing of a lifespan is served within one."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await PlainTextResponse("ok")(scope, receive, send)

    meshed = Meshed("orders")
    wrapped = meshed.wrap(app)
    server = Lifespan(wrapped)
    async with server():
        client = meshed.client
        assert b"ok" == (await ask(wrapped)).body
    assert client.is_closed
    types = [message["type"] for message in server.sent]
    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == types


async def test_wrapped_application_that_cannot_start() -> None:
    """A start that fails is told to the server, with its reason."""
    meshed = Meshed("orders", sigterm=True)
    wrapped = meshed.wrap(lambda *_: pytest.fail("it was served"))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    def in_a_thread() -> None:  # where no signal can be handled
        async def main() -> None:
            await wrapped({"type": "lifespan"}, receive, send)

        with pytest.raises(RuntimeError, match="main thread"):
            anyio.run(main)

    await anyio.to_thread.run_sync(in_a_thread)
    assert ["lifespan.startup.failed"] == [message["type"] for message in sent]
    assert "main thread" in sent[0]["message"]


@pytest.mark.parametrize("name", ["drain", "patience"])
def test_seconds_are_not_negative(name: str) -> None:
    """What is below 0 is no time."""
    with pytest.raises(ConfigurationError, match=name):
        Meshed("orders", **{name: -1.0})  # type: ignore[arg-type]  # of the names above


def test_wrong_options_are_said_at_once() -> None:
    """A document that is wrong fails where the application is made."""
    with pytest.raises(ConfigurationError, match="servicse"):
        Meshed("orders", config={"servicse": {}})


SERVED = """
import sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
import uvicorn
from meshlib import register
from meshlib.integrations import Meshed
from support.registrar import Remembered

class Journal:
    def append(self, line):
        print(line, flush=True)

async def index(request):
    return PlainTextResponse("ok")

registration = register("orders", "http://10.0.0.1:80", at=Remembered(Journal()))
meshed = Meshed("orders", registration=registration, sigterm=True, drain=float(sys.argv[2]))
app = Starlette(routes=[Route("/", index)])
meshed.install(app)
config = uvicorn.Config(app, log_level="critical")
uvicorn.Server(config).run(sockets=[__import__("socket").socket(fileno=int(sys.argv[1]))])
print("ended", flush=True)
"""


def test_sigterm_drains_before_the_server_hears_of_it(tmp_path: Path) -> None:
    """At SIGTERM it is not ready and not registered, and yet serves; a second one ends it."""
    (tmp_path / "served.py").write_text(SERVED)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "served.py", str(listener.fileno()), "3600"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        )
    with process:
        assert process.stdout is not None
        try:
            assert "registered\n" == process.stdout.readline()
            with httpx.Client(base_url=url) as client:
                assert 200 == client.get("/health/ready").status_code
                process.send_signal(signal.SIGTERM)
                assert "deregistered\n" == process.stdout.readline()
                assert 503 == client.get("/health/ready").status_code
                assert (200, 200) == (
                    client.get("/").status_code,
                    client.get("/health/live").status_code,
                )
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            process.kill()
