"""The mesh in Flask applications."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask, request, stream_with_context

from meshlib import CallOptions, ConfigurationError, DeadlineExceededError, Mesh, register
from meshlib._context import ambient_deadline, served_request
from meshlib.health import ProcessHealth
from meshlib.integrations.flask import MeshExtension, mesh_client
from support import FakeClock, ScriptedServer, replies
from support.application_servers import waitress_server
from support.gunicorn import gunicorn_server
from support.registrar import Remembered
from support.serving import DEADLINE, ask_wsgi


def made(**options: Any) -> tuple[Flask, MeshExtension]:
    """An application in a mesh."""
    app = Flask("shop")
    return app, MeshExtension(app, None if "mesh" in options else "shop", **options)


def until_registered(registration: Any) -> None:
    """Wait until somebody has started *registration*, and it is done."""
    for _ in range(3000):
        if registration.status.state == "registered":
            return
        threading.Event().wait(0.01)
    pytest.fail("it was never registered")


def test_answers_and_probes() -> None:
    """The application answers, and the middleware its probes."""
    app, extension = made()

    @app.get("/")
    def index() -> str:
        assert mesh_client() is extension.client
        served = served_request.get()
        return "" if served is None else served.request_id

    client = app.test_client()
    assert "r-1" == client.get("/", headers={"x-request-id": "r-1"}).text
    assert {"status": "pass"} == client.get("/health/live").json
    assert 504 == client.get("/", headers={DEADLINE: "0"}).status_code
    assert 0 == extension.in_flight()
    assert extension is app.extensions["meshlib"]


def test_factory() -> None:
    """An extension made without an application takes its document from that one's config."""
    extension = MeshExtension()
    with ScriptedServer(replies(200)) as backend:
        app = Flask("shop")
        app.config["MESHLIB_CONFIG"] = {
            "name": "shop",
            "services": {"users": {"endpoints": [backend.url]}},
        }
        extension.init_app(app)
        with app.app_context():
            assert 200 == mesh_client().get("users", "/").status_code
        assert "shop" == extension.client.mesh.name
        extension.stop()


def test_document_in_code_comes_first() -> None:
    """What the extension was made with is not replaced by the application's config."""
    app = Flask("shop")
    app.config["MESHLIB_CONFIG"] = {"name": "of-the-config"}
    with Mesh("of-the-code") as mesh:
        assert "of-the-code" == MeshExtension(app, mesh=mesh).client.mesh.name


def test_client_without_a_mesh() -> None:
    """Where none is installed, the error says how."""
    with (
        Flask("shop").app_context(),
        pytest.raises(ConfigurationError, match="init_app"),
    ):
        mesh_client()


def test_context_while_a_body_is_streamed() -> None:
    """A generator sees the request that it is made for, with Flask's context and without."""
    app, extension = made()
    seen: list[Any] = []

    @app.get("/")
    def index() -> Any:
        def chunks() -> Iterator[str]:
            served = served_request.get()
            seen.append((request.path, None if served is None else served.request_id))
            yield "a"
            seen.append(ambient_deadline.get() is None)
            yield "b"

        return stream_with_context(chunks()), {"content-type": "text/plain"}

    response = app.test_client().get("/", headers={"x-request-id": "r-1", DEADLINE: "9000"})
    assert "ab" == response.text
    assert [("/", "r-1"), False] == seen
    response.close()
    assert 0 == extension.in_flight()


def test_call_that_ends_at_the_deadline(clock: FakeClock) -> None:
    """Flask's own answer to the error of a call, a 500 that comes too late, is a 504."""
    with Mesh("shop", clock=clock) as mesh:
        app, _ = made(mesh=mesh)

        @app.get("/")
        def index() -> str:
            clock.advance(2)
            raise DeadlineExceededError("the call was told to end")

        assert 504 == app.test_client().get("/", headers={DEADLINE: "1000"}).status_code


def test_degrades_gracefully() -> None:
    """A fallback of a call answers, and the view with it."""
    app, _ = made(services={"recommendations": ["http://127.0.0.1:1"]})

    @app.get("/")
    def index() -> Any:
        options = CallOptions(fallback={"items": []})
        return mesh_client().get("recommendations", "/", extensions={"mesh": options}).json()

    assert {"items": []} == app.test_client().get("/").json


def test_route_is_told() -> None:
    """The event of a request names the rule that it matched."""
    events: list[Any] = []
    app, _ = made(listeners=[events.append])

    @app.get("/users/<user>")
    def user(user: str) -> str:
        return user

    for path in ("/users/7", "/nowhere"):
        ask_wsgi(app, path)
    assert ["/users/<user>", ""] == [event.route for event in events]


def test_life_around_a_server() -> None:
    """Registered while the block lasts; after it not ready, not registered, and closed."""
    journal: list[Any] = []
    registration = register("shop", "http://10.0.0.1:80", at=Remembered(journal))
    app, extension = made(registration=registration)

    @app.get("/")
    def index() -> str:
        return "ok"

    for life in range(1, 3):
        with extension, waitress_server(app) as url:
            assert registration.wait(30)
            client = extension.client
            assert "ok" == httpx.get(url).text
            assert 200 == httpx.get(f"{url}/health/ready").status_code
        assert client.is_closed
        assert not extension.health.check_now("ready").ok
        assert ["registered", "deregistered"] * life == journal


def test_registers_once_it_has_started() -> None:
    """Others learn of the process when its startup checks have passed, and not before."""
    journal: list[Any] = []
    asked, warm = threading.Event(), threading.Event()
    health = ProcessHealth()

    @health.add("warm", probes=["startup"], cache=0)
    def is_warm() -> bool:
        asked.set()
        return warm.is_set()

    registration = register("shop", "http://10.0.0.1:80", at=Remembered(journal))
    _, extension = made(health=health, registration=registration)
    with extension:
        assert asked.wait(30)
        assert [] == journal
        warm.set()
        until_registered(registration)


def test_ends_before_it_has_started() -> None:
    """One that is stopped while its startup checks fail is never registered."""
    journal: list[Any] = []
    health = ProcessHealth()
    health.add("warm", lambda: False, probes=["startup"], cache=0)
    registration = register("shop", "http://10.0.0.1:80", at=Remembered(journal))
    _, extension = made(health=health, registration=registration)
    with extension:
        threads = [t for t in threading.enumerate() if t.name == "meshlib-startup"]
        assert threads
    for thread in threads:
        thread.join(30)
    assert [] == journal


def test_patience_ends() -> None:
    """A request that never ends holds up the end no longer than was said."""
    app, extension = made(patience=0.01)
    entered, go_on = threading.Event(), threading.Event()

    @app.get("/")
    def index() -> str:
        entered.set()
        go_on.wait(30)
        return "ok"

    thread = threading.Thread(target=app.test_client().get, args=("/",))
    thread.start()
    assert entered.wait(30)
    extension.stop()
    assert thread.is_alive()
    go_on.set()
    thread.join(30)


def test_forked_child_is_not_its_parent() -> None:
    """A child has announced nothing and is registered for nobody."""
    journal: list[Any] = []
    registration = register("shop", "http://10.0.0.1:80", at=Remembered(journal))
    _, extension = made(registration=registration)
    with extension:
        assert registration.wait(30)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                extension.stop()
                os.write(writer, ",".join(journal).encode() or b"nothing")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert b"registered" == os.read(reader, 100)
        assert "registered" == registration.status.state
    os.close(reader)
    os.close(writer)


APP = """
import os
from flask import Flask
from meshlib.integrations.flask import MeshExtension, mesh_client

app = Flask("shop")
MeshExtension(app, "shop", services={"users": [USERS]})
with app.app_context():  # a connection and a thread of the parent's, which no child may use
    assert mesh_client().get("users", "/").status_code == 200
loaded_in = os.getpid()

@app.get("/")
def index():
    assert mesh_client().get("users", "/").status_code == 200
    return f"{loaded_in} {os.getpid()}"
"""


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_preforking_server(kind: str, tmp_path: Path) -> None:
    """A client that was used before the fork calls in each of the workers."""
    with ScriptedServer(replies(200)) as users:
        options = ["--preload", "--workers=2", f"--worker-class={kind}", "--threads=2"]
        app = APP.replace("USERS", repr(users.url))
        with (
            gunicorn_server(app, tmp_path, *options) as server,
            httpx.Client(base_url=server.url) as client,
        ):
            for _ in range(10):
                loaded, served = client.get("/").text.split()
                assert loaded != served
            assert 200 == client.get("/health/ready").status_code
        assert "Traceback" not in server.log
