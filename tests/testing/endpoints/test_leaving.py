"""Clients that leave: by closing, by a timeout, by being cancelled; and what is left at the end."""

from __future__ import annotations

import threading
from contextvars import Context
from typing import Any

import anyio
import httpx
import pytest

from meshlib.testing.inprocess import ASGIEndpoint, InProcess, WSGIEndpoint
from meshlib.testing.inprocess._asgi import ASGIExchange
from meshlib.testing.inprocess._ends import read, write
from meshlib.testing.inprocess._home import Home, outcome
from meshlib.testing.inprocess._link import Link
from meshlib.testing.inprocess._pipe import End
from meshlib.testing.inprocess._run import Run
from meshlib.testing.inprocess._wsgi import WSGIExchange
from support.applications import Journal, raw_asgi
from support.applications_wsgi import raw_wsgi

TRIO_WARNS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Over a socket, too, Trio warns of the generators in httpx when a body is left early."""


def asgi(run: Any) -> ASGIEndpoint:
    """*run* as an application without lifespan."""
    return ASGIEndpoint(run, lifespan="off")


async def test_cancelled_call_tells_the_application() -> None:
    """It gets `http.disconnect`, and may end in its own way."""
    journal: Journal = []
    transport = InProcess({"http://a": asgi(raw_asgi(journal))})
    async with (
        httpx.AsyncClient(transport=transport) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(client.get, "http://a/patient")
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert ["http.disconnect", "ended /patient"] == journal


async def test_work_goes_on_when_its_client_has_left() -> None:
    """The answer is lost, the work is done: what makes timeouts dangerous can be tested."""
    journal: Journal = []
    asked, commit = anyio.Event(), anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.set()
        await commit.wait()
        journal.append("committed")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"lost"})
        journal.append("ended")

    async with httpx.AsyncClient(transport=InProcess({"http://a": asgi(app)})) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("http://a", timeout=0.01)
        assert asked.is_set()
        commit.set()
    assert ["committed", "ended"] == journal


async def test_cancel_on_disconnect_ends_the_application_at_once() -> None:
    """Whoever wants a clean slate after each call can have it."""
    cancelled = anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    place = ASGIEndpoint(app, lifespan="off", cancel_on_disconnect=True)
    async with httpx.AsyncClient(transport=InProcess({"http://a": place})) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("http://a", timeout=0.01)
        with anyio.fail_after(10):
            await cancelled.wait()


async def test_cancel_on_disconnect_spares_background_tasks() -> None:
    """A client that closes after a complete response has not left early."""
    journal: Journal = []
    place = ASGIEndpoint(raw_asgi(journal), cancel_on_disconnect=True)
    async with httpx.AsyncClient(transport=InProcess({"http://a": place})) as client:
        await client.get("http://a/after")
    assert "background" in journal


async def test_close_cancels_what_hangs() -> None:
    """A handler that would sleep for ever costs a moment, not the test run."""
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("app")

    with anyio.fail_after(4):
        async with httpx.AsyncClient(transport=InProcess({"http://a": asgi(app)})) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get("http://a", timeout=0.01)
    assert ["app"] == ended


@TRIO_WARNS
async def test_response_that_nobody_closes_ends_with_the_transport() -> None:
    """A leaked response holds the application no longer than the transport lives."""
    journal: Journal = []
    async with InProcess({"http://a": asgi(raw_asgi(journal))}, grace=0.05) as transport:
        client = httpx.AsyncClient(transport=transport)
        request = client.build_request("GET", "http://a/endless")
        leaked = await client.send(request, stream=True)
        assert 200 == leaked.status_code
    with pytest.raises(httpx.RemoteProtocolError):
        await leaked.aread()


async def test_upload_that_breaks_off_is_a_disconnect() -> None:
    """The application never sees half a body as a whole one."""
    messages: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while not messages or messages[-1]["type"] != "http.disconnect":
            messages.append(await receive())

    async def body() -> Any:
        yield b"half"
        raise ValueError("no more")

    async with httpx.AsyncClient(transport=InProcess({"http://a": asgi(app)})) as client:
        for headers in ({}, {"content-length": "8"}):
            messages.clear()
            with pytest.raises(ValueError, match="no more"):
                await client.post("http://a", content=body(), headers=headers)
            with anyio.fail_after(10):
                while not messages or messages[-1] != {"type": "http.disconnect"}:
                    await anyio.lowlevel.checkpoint()
            assert not [m for m in messages if m.get("more_body") is False]


def test_wsgi_iterable_is_closed_when_its_client_leaves() -> None:
    """At the next chunk, as under a server; the application raises nothing."""
    closed = threading.Event()

    class Endless:
        def __iter__(self) -> Any:
            return self

        def __next__(self) -> bytes:
            return b"x" * 65536

        def close(self) -> None:
            closed.set()

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", [])
        return Endless()

    with (
        httpx.Client(transport=InProcess({"http://a": app})) as client,
        client.stream("GET", "http://a") as response,
    ):
        assert b"x" == next(response.iter_bytes(1))
    assert closed.wait(10)


def test_wsgi_input_breaks_off_with_its_client() -> None:
    """Reading the rest of an upload that never comes is an error, as of a socket."""
    errors: list[BaseException] = []
    ended = threading.Event()

    def app(environ: Any, start: Any) -> Any:
        try:
            environ["wsgi.input"].read()
        except OSError as exc:
            errors.append(exc)
            raise
        finally:
            ended.set()

    def body() -> Any:
        yield b"half"
        raise ValueError("no more")

    with (
        httpx.Client(transport=InProcess({"http://a": app})) as client,
        pytest.raises(ValueError, match="no more"),
    ):
        client.post("http://a", content=body())
    assert ended.wait(10)
    assert ["ConnectionResetError"] == [type(exc).__name__ for exc in errors]


def test_close_does_not_wait_for_a_thread_for_ever() -> None:
    """A WSGI application that hangs is left behind after *grace*."""
    go_on = threading.Event()

    def app(environ: Any, start: Any) -> Any:
        go_on.wait(30)
        return raw_wsgi([])(environ, start)

    client = httpx.Client(transport=InProcess({"http://a": app}, grace=0.01))
    with pytest.raises(httpx.ReadTimeout):
        client.get("http://a/pieces", timeout=0.01)
    client.close()
    go_on.set()


def test_a_response_may_be_closed_after_its_loop() -> None:
    """Its connection has nobody to tell any more."""

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await anyio.sleep_forever()

    async def leak_hanging() -> End:
        client, server = End.pair()
        place = asgi(hangs)
        link = Link(server, Context(), ("http", "a", 80), place)
        run = Run(Home(), [place], 5.0)
        await outcome(run.started)
        run.serve(link)
        await anyio.wait_all_tasks_blocked()
        return client

    end = anyio.run(leak_hanging)
    end.close()
    assert b"" == end.incoming.take(1)


async def test_a_request_cancelled_before_it_began_is_never_served() -> None:
    """Closing is as quick as that."""
    called: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append(scope)

    client, server = End.pair()
    exchange = ASGIExchange(Link(server, Context(), ("http", "a", 80), asgi(app)), {})
    exchange.cancel()
    await exchange.run()
    assert client.left
    assert [] == called


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"nonsense\r\n\r\n"])
def test_wsgi_is_not_called_without_a_request(sent: bytes) -> None:
    """A client that leaves, or says nothing sensible, costs a connection."""
    client, server = End.pair()
    write(client, sent)
    client.outgoing.end()
    place = WSGIEndpoint(raw_wsgi([]), raise_app_exceptions=True)
    link = Link(server, Context(), ("http", "a", 80), place)
    WSGIExchange(link).run()
    assert link.failure is None
    assert client.left


def test_wsgi_says_when_to_go_on() -> None:
    """To a client that asks before it sends, once the application reads."""
    client, server = End.pair()
    write(
        client,
        b"PUT /lines HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
    )
    link = Link(server, Context(), ("http", "a", 80), WSGIEndpoint(raw_wsgi([])))
    thread = threading.Thread(target=WSGIExchange(link).run)
    thread.start()
    assert b"HTTP/1.1 100 Continue\r\n\r\n" == read(client, timeout=10)
    write(client, b"2\r\nx\n\r\n")
    write(client, b"4\r\nabc")
    write(client, b"d\r\n0\r\n\r\n")
    thread.join(10)
    whole = b""
    while chunk := read(client, timeout=10):
        whole += chunk
    assert whole.endswith(b"\r\n\r\nx\n|ab|cd")
