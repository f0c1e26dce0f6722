"""The WSGI middleware, without a server."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from meshlib import DeadlineExceededError, Mesh
from meshlib._context import ambient_deadline, served_request
from meshlib.integrations import MeshWSGIMiddleware
from support import FakeClock
from support.serving import DEADLINE, ServerOfWSGI, ask_wsgi

SECOND = {DEADLINE: "1000"}


@pytest.fixture
def mesh(clock: FakeClock) -> Iterator[Mesh]:
    """A mesh that serves, in time that the test makes."""
    with Mesh("orders", clock=clock) as mesh:
        yield mesh


def in_flight(mesh: Mesh) -> int:
    """How many requests are being served."""
    return mesh.inbound.counts().in_flight


def hello(environ: Any, start_response: Any) -> list[bytes]:
    """Answer at once, with the whole body."""
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"hello"]


def generated(environ: Any, start_response: Any) -> Iterator[bytes]:
    """Answer by a generator, which begins with its first chunk."""
    start_response("200 OK", [])
    yield b"a"
    yield b"b"


class Closable:
    """A body that knows whether it was closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = iter(chunks)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks

    def close(self) -> None:
        """Called by the server."""
        self.closed += 1


def answering(body: Any) -> Callable[..., Any]:
    """An application that answers with *body*."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return body

    return app


@pytest.mark.parametrize(("app", "body"), [(hello, b"hello"), (generated, b"ab")])
def test_answers_pass_through(mesh: Mesh, app: Any, body: bytes) -> None:
    """What the application answers reaches the server, and is counted."""
    answered = ask_wsgi(MeshWSGIMiddleware(app, mesh))
    assert (200, body, True) == (answered.status, answered.body, answered.complete)
    counts = mesh.inbound.counts()
    assert (1, 0, 0) == (counts.served, counts.failed, counts.in_flight)


def test_whole_body_stays_what_it_is(mesh: Mesh) -> None:
    """A server can still see the length of a list, and its permit is back already."""
    server = ServerOfWSGI()
    assert [b"hello"] == server.begin(MeshWSGIMiddleware(hello, mesh))
    assert 0 == in_flight(mesh)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_expired_request_runs_nothing(mesh: Mesh, method: str) -> None:
    """A request whose caller has given up is answered 504, as a problem, at once."""

    def app(environ: Any, start_response: Any) -> Any:
        pytest.fail("the application ran")

    answered = ask_wsgi(MeshWSGIMiddleware(app, mesh), headers={DEADLINE: "0"}, method=method)
    assert 504 == answered.status
    assert "application/problem+json" == answered.headers["content-type"]
    assert (method == "HEAD") == (answered.body == b"")


def test_shed_request_says_when_to_come_back(clock: FakeClock) -> None:
    """Beyond the limit a request is answered 503; the permit is back when the body is closed."""
    with Mesh("orders", clock=clock, config={"inbound": {"concurrency": {"fixed": 1}}}) as mesh:
        middleware = MeshWSGIMiddleware(generated, mesh)
        body: Any = ServerOfWSGI().begin(middleware)
        answered = ask_wsgi(middleware)
        assert 503 == answered.status
        assert int(answered.headers["retry-after"]) >= 1
        body.close()
        assert 200 == ask_wsgi(middleware).status


def test_context_is_set_while_the_body_is_made(mesh: Mesh) -> None:
    """The application and its generator see the request; the server's thread sees nothing."""
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(2):
            seen.append((served_request.get().request_id, ambient_deadline.get()))  # type: ignore[union-attr]  # it is set
            yield b"."
        try:
            yield b"."
        finally:
            seen.append((served_request.get().request_id, ambient_deadline.get()))  # type: ignore[union-attr]  # it is set

    headers = {**SECOND, "x-request-id": "r-1"}
    body: Any = ServerOfWSGI(headers=headers).begin(MeshWSGIMiddleware(app, mesh))
    for _ in range(3):
        next(body)
        assert (None, None) == (served_request.get(), ambient_deadline.get())
    body.close()
    assert [("r-1", 1001.0)] * 3 == seen


def test_late_answer_is_replaced(mesh: Mesh, clock: FakeClock) -> None:
    """An answer that begins after the deadline is a 504, and the application's is closed."""
    body = Closable(b"late")

    def app(environ: Any, start_response: Any) -> Any:
        clock.advance(2)
        write = start_response("200 OK", [])
        write(b"written")
        start_response("500 Oh", [])
        return body

    answered = ask_wsgi(MeshWSGIMiddleware(app, mesh), headers=SECOND)
    assert (504, 1) == (answered.status, body.closed)
    assert "deadline" in answered.json["detail"]
    counts = mesh.inbound.counts()
    assert (1, 1, 0) == (counts.served, counts.failed, counts.in_flight)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_late_generator_is_replaced(mesh: Mesh, clock: FakeClock, method: str) -> None:
    """One that begins its answer with its first chunk is replaced there."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        clock.advance(2)
        start_response("200 OK", [])
        yield b"late"

    answered = ask_wsgi(MeshWSGIMiddleware(app, mesh), headers=SECOND, method=method)
    assert 504 == answered.status
    assert (method == "HEAD") == (answered.body == b"")
    assert b"late" not in answered.body
    assert 0 == in_flight(mesh)


def test_late_list_is_replaced(mesh: Mesh, clock: FakeClock) -> None:
    """So is one with a whole body."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        clock.advance(2)
        return hello(environ, start_response)

    answered = ask_wsgi(MeshWSGIMiddleware(app, mesh), headers=SECOND)
    assert 504 == answered.status
    assert b"hello" not in answered.body


def test_body_is_cut_off_after_the_deadline(mesh: Mesh, clock: FakeClock) -> None:
    """No chunk is asked for once nobody waits; the server hears of an error."""
    body = Closable(b"a", b"b", b"c")
    server = ServerOfWSGI(headers=SECOND)

    def slow() -> Iterator[bytes]:
        for chunk in body:
            yield chunk
            clock.advance(1.1)

    with pytest.raises(DeadlineExceededError):
        server.run(MeshWSGIMiddleware(answering(slow()), mesh))
    assert (200, b"ab") == (server.answered.status, server.answered.body)
    counts = mesh.inbound.counts()
    assert (1, 1, 0) == (counts.served, counts.failed, counts.in_flight)


def test_call_that_ended_at_the_deadline(mesh: Mesh, clock: FakeClock) -> None:
    """An application that fails because its call met the deadline is answered 504."""

    def app(environ: Any, start_response: Any) -> Any:
        clock.advance(2)
        raise DeadlineExceededError("the call was told to end")

    assert 504 == ask_wsgi(MeshWSGIMiddleware(app, mesh), headers=SECOND).status
    assert 0 == in_flight(mesh)


@pytest.mark.parametrize("kind", [KeyError, DeadlineExceededError, SystemExit])
def test_errors_pass_as_they_are(mesh: Mesh, kind: type[BaseException]) -> None:
    """What the application raises reaches the server, same object, and counts as failed."""
    error = kind("of its own")

    def app(environ: Any, start_response: Any) -> Any:
        raise error

    with pytest.raises(kind) as raised:
        ask_wsgi(MeshWSGIMiddleware(app, mesh), headers=SECOND)
    assert error is raised.value
    counts = mesh.inbound.counts()
    assert (1, 1, 0) == (counts.served, counts.failed, counts.in_flight)


def test_errors_of_the_body_pass(mesh: Mesh) -> None:
    """An error of a generator reaches the server once, and the permit comes back."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"a"
        raise KeyError("later")

    with pytest.raises(KeyError):
        ask_wsgi(MeshWSGIMiddleware(app, mesh))
    counts = mesh.inbound.counts()
    assert (1, 1, 0) == (counts.served, counts.failed, counts.in_flight)


def test_error_of_close_passes(mesh: Mesh) -> None:
    """So does one of the body's own close."""

    class Broken(Closable):
        def close(self) -> None:
            """Fail."""
            raise KeyError("closing")

    body: Any = ServerOfWSGI().begin(MeshWSGIMiddleware(answering(Broken(b"a")), mesh))
    with pytest.raises(KeyError):
        body.close()
    body.close()
    assert 0 == in_flight(mesh)


def test_exc_info_reaches_the_server(mesh: Mesh) -> None:
    """An application may begin another answer for an error before anything was sent."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        start_response("500 Oh", [], (KeyError, KeyError(), None))
        return [b"oh"]

    assert 500 == ask_wsgi(MeshWSGIMiddleware(app, mesh)).status
    assert 1 == mesh.inbound.counts().failed


def test_written_bytes_reach_the_server(mesh: Mesh) -> None:
    """The old way to answer works, and a status that is none does not disturb."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"written")
        return []

    assert b"written" == ask_wsgi(MeshWSGIMiddleware(app, mesh)).body


def test_status_that_is_none(mesh: Mesh) -> None:
    """What is no status is the server's to refuse."""
    got: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("okay", [])
        return []

    environ = ServerOfWSGI().environ
    MeshWSGIMiddleware(app, mesh)(environ, lambda status, headers: got.append(status))
    assert ["okay"] == got
    assert 1 == mesh.inbound.counts().failed


def test_body_is_closed_once_and_in_its_context(mesh: Mesh) -> None:
    """However often a server closes, the application's body is closed once."""
    body = Closable(b"a", b"b")
    ours: Any = ServerOfWSGI().begin(MeshWSGIMiddleware(answering(body), mesh))
    assert b"a" == next(ours)
    assert 1 == in_flight(mesh)
    ours.close()
    ours.close()
    assert (1, 0) == (body.closed, in_flight(mesh))


def test_lost_body_gives_the_permit_back(mesh: Mesh) -> None:
    """A body that its server never closes keeps the permit no longer than it lives."""
    body: Any = ServerOfWSGI().begin(MeshWSGIMiddleware(generated, mesh))
    assert 1 == in_flight(mesh)
    del body
    gc.collect()
    assert 0 == in_flight(mesh)


class FileWrapper:
    """What a server gives applications to send files with."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class SlottedWrapper(FileWrapper):
    """One whose close nobody can replace."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "close":
            raise AttributeError(name)
        super().__setattr__(name, value)


def with_wrapper(wrapper: type[FileWrapper]) -> ServerOfWSGI:
    """A server that sends files by itself."""
    server = ServerOfWSGI()
    server.environ["wsgi.file_wrapper"] = wrapper
    return server


def test_files_are_still_the_servers(mesh: Mesh) -> None:
    """A server recognises its own file wrapper, and its close gives the permit back."""
    file = Closable(b"bytes of a file")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    middleware = MeshWSGIMiddleware(app, mesh)
    body: Any = with_wrapper(FileWrapper).begin(middleware)
    assert type(body) is FileWrapper
    assert 1 == in_flight(mesh)
    body.close()
    assert (1, 0) == (file.closed, in_flight(mesh))
    body = with_wrapper(SlottedWrapper).begin(middleware)
    assert type(body) is SlottedWrapper
    assert 0 == in_flight(mesh)


def test_fault_answers_in_place_of_the_application(mesh: Mesh) -> None:
    """An abort that the document asks for is answered, and the application does not run."""
    rule = {"name": "no", "abort": {"percentage": 100, "status": 418, "body": "tea"}}
    mesh.apply({"inbound": {"faults": [rule]}})
    answered = ask_wsgi(MeshWSGIMiddleware(lambda *_: pytest.fail("it ran"), mesh))
    assert (418, b"tea") == (answered.status, answered.body)


def test_fault_that_is_called_off_delays_no_more(mesh: Mesh) -> None:
    """Stopping the faults lets the requests go on that wait because of them."""
    rule = {"name": "slow", "delay": {"percentage": 100, "fixed": 3600}}
    mesh.apply({"inbound": {"faults": [rule]}})
    waits = threading.Event()
    hold = threading.Event.wait

    def wait(event: Any, timeout: float | None = None) -> bool:
        if timeout == 3600:
            waits.set()
        return hold(event, timeout)

    server = ServerOfWSGI()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Event, "wait", wait)
        thread = threading.Thread(target=server.run, args=(MeshWSGIMiddleware(hello, mesh),))
        thread.start()
        assert hold(waits, 30)
        mesh.faults.stop()
        thread.join(30)
    assert 200 == server.answered.status


def test_route_is_asked_for_in_context(clock: FakeClock) -> None:
    """The template that was matched is in the event of the request."""
    events: list[Any] = []
    with Mesh("orders", clock=clock, listeners=[events.append]) as mesh:

        def route() -> str | None:
            assert served_request.get() is not None
            return "/users/<id>"

        ask_wsgi(MeshWSGIMiddleware(hello, mesh, route=route))
    assert ["/users/<id>"] == [event.route for event in events]


def test_use_takes_another_mesh(mesh: Mesh) -> None:
    """A middleware can be led by another mesh from one request to the next."""
    middleware = MeshWSGIMiddleware(hello, mesh)
    with Mesh("another") as another:
        middleware.use(another)
        ask_wsgi(middleware)
        assert (1, 0) == (another.inbound.counts().served, mesh.inbound.counts().served)
