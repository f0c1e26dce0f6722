"""Failed answers tell trusted callers of faults, through both middlewares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from meshlib import Mesh
from meshlib._context import served_request
from meshlib.integrations import MeshMiddleware, MeshWSGIMiddleware
from support import FakeClock
from support.serving import DEADLINE, Answered, ServerOfASGI, ServerOfWSGI

Serve = Callable[..., Answered]


def note() -> None:
    """What a call made for the request would find out."""
    served = served_request.get()
    assert served is not None
    served.marks.add(["stock/slow"])


@pytest.fixture(params=["asgi", "wsgi"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """The answer of a mesh to a request, whose application gives *status* after *wait*."""

    def asgi(mesh: Mesh, status: int, *, headers: Any, wait: Any, client: str) -> Answered:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            note()
            wait()
            start = {"type": "http.response.start", "status": status, "headers": [(b"a", b"b")]}
            await send(start)
            await send({"type": "http.response.body", "body": b""})

        server = ServerOfASGI(headers=headers, client=(client, 1))
        return anyio.run(server.run, MeshMiddleware(app, mesh))

    def wsgi(mesh: Mesh, status: int, *, headers: Any, wait: Any, client: str) -> Answered:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            note()
            wait()
            start_response(f"{status} Said", [("a", "b")])
            return [b""]

        server = ServerOfWSGI(headers=headers, REMOTE_ADDR=client)
        return server.run(MeshWSGIMiddleware(app, mesh))

    chosen = {"asgi": asgi, "wsgi": wsgi}[request.param]

    def served(
        mesh: Mesh,
        status: int = 200,
        headers: Any = None,
        wait: Callable[[], Any] = lambda: None,
        client: str = "127.0.0.1",
    ) -> Answered:
        return chosen(mesh, status, headers=headers, wait=wait, client=client)

    return served


@pytest.fixture
def mesh(clock: FakeClock) -> Iterator[Mesh]:
    """A mesh that serves, in time that the test makes."""
    with Mesh("orders", clock=clock) as mesh:
        yield mesh


def test_a_failed_answer_names_faults(serve: Serve, mesh: Mesh) -> None:
    """Beside the application's own headers; a good answer says nothing."""
    headers = serve(mesh, 502).headers
    assert ("b", "stock/slow") == (headers["a"], headers["x-meshlib-faults"])
    assert "x-meshlib-faults" not in serve(mesh, 200).headers


def test_strangers_learn_of_no_fault(serve: Serve, mesh: Mesh) -> None:
    """Names of services and of rules stay within."""
    assert "x-meshlib-faults" not in serve(mesh, 502, client="203.0.113.5").headers


def test_an_answer_that_came_too_late_names_faults(
    serve: Serve, mesh: Mesh, clock: FakeClock
) -> None:
    """The fault may well be why it was late."""
    answered = serve(mesh, headers={DEADLINE: "1000"}, wait=lambda: clock.advance(2.0))
    assert (504, "stock/slow") == (answered.status, answered.headers["x-meshlib-faults"])


def test_an_injected_answer_names_its_rule(serve: Serve) -> None:
    """As a fault further on is named."""
    rule = {"name": "cut", "abort": {"status": 500}}
    with Mesh("orders", config={"inbound": {"faults": [rule]}}) as mesh:
        answered = serve(mesh)
    assert (500, "orders/cut") == (answered.status, answered.headers["x-meshlib-faults"])
