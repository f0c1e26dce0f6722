"""What an application raises: an answer like a server's, or the error itself."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from meshlib.testing.inprocess import ASGIEndpoint, InProcess, WSGIEndpoint
from support.applications import raw_asgi
from support.applications_wsgi import raw_wsgi

KINDS = pytest.mark.parametrize(
    ("endpoint", "app"), [(ASGIEndpoint, raw_asgi([])), (WSGIEndpoint, raw_wsgi([]))]
)


@KINDS
async def test_an_error_is_logged_and_answered(
    endpoint: Any, app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller sees 500, and whoever looks for the reason finds the traceback in the log."""
    async with httpx.AsyncClient(transport=InProcess({"http://a": endpoint(app)})) as client:
        response = await client.get("http://a/raise")
    assert (500, "Internal Server Error") == (response.status_code, response.text)
    (record,) = [entry for entry in caplog.records if entry.name == "meshlib.testing"]
    assert "the application at http://a:80 failed" == record.getMessage()
    assert record.exc_info is not None
    assert "planted" == str(record.exc_info[1])


@KINDS
async def test_the_caller_gets_the_error_when_it_asks_for_it(endpoint: Any, app: Any) -> None:
    """Before a response, out of the call; in the middle of one, out of its body."""
    place = endpoint(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=InProcess({"http://a": place})) as client:
        with pytest.raises(ValueError, match="planted"):
            await client.get("http://a/raise")
        async with client.stream("GET", "http://a/raise/late") as response:
            assert 200 == response.status_code
            with pytest.raises(ValueError, match="planted"):
                await response.aread()


@KINDS
def test_a_sync_caller_gets_the_error_when_it_asks_for_it(endpoint: Any, app: Any) -> None:
    """From whichever thread the application runs in."""
    place = endpoint(app, raise_app_exceptions=True)
    with httpx.Client(transport=InProcess({"http://a": place})) as client:
        with pytest.raises(ValueError, match="planted"):
            client.get("http://a/raise")
        with pytest.raises(ValueError, match="planted"):
            client.get("http://a/raise/late")


# Over a socket, too, Trio warns of the generators in httpx when a body is left early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("endpoint", [ASGIEndpoint, WSGIEndpoint])
async def test_an_error_reaches_a_caller_who_is_still_sending(endpoint: Any) -> None:
    """The upload ends where the application has."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("planted")

    def wsgi(environ: Any, start: Any) -> Any:
        raise ValueError("planted")

    place = endpoint(asgi if endpoint is ASGIEndpoint else wsgi, raise_app_exceptions=True)
    transport = InProcess({"http://a": place})
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(ValueError, match="planted"):
            await client.post("http://a", content=b"x" * 1_000_000)


@pytest.mark.parametrize("endpoint", [ASGIEndpoint, WSGIEndpoint])
def test_an_error_reaches_a_sync_caller_who_is_still_sending(endpoint: Any) -> None:
    """The upload ends where the application has."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("planted")

    def wsgi(environ: Any, start: Any) -> Any:
        raise ValueError("planted")

    place = endpoint(asgi if endpoint is ASGIEndpoint else wsgi, raise_app_exceptions=True)
    with (
        httpx.Client(transport=InProcess({"http://a": place})) as client,
        pytest.raises(ValueError, match="planted"),
    ):
        client.post("http://a", content=b"x" * 1_000_000)


async def test_a_verdict_of_the_test_always_reaches_it() -> None:
    """`pytest.fail` in an application is no failure of a server."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pytest.fail("never to be called")

    transport = InProcess({"http://a": ASGIEndpoint(app, lifespan="off")})
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(pytest.fail.Exception, match="never to be called"):
            await client.get("http://a")


@KINDS
async def test_errors_after_the_answer_are_logged(
    endpoint: Any, app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A background task that fails harms nobody who has an answer already."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})
        raise ValueError("afterwards")

    class Closing(list[bytes]):
        def close(self) -> None:
            raise ValueError("afterwards")

    def wsgi(environ: Any, start: Any) -> Any:
        start("200 OK", [])
        return Closing([b"fine"])

    chosen = asgi if endpoint is ASGIEndpoint else wsgi
    options = {"lifespan": "off"} if endpoint is ASGIEndpoint else {}
    place = endpoint(chosen, raise_app_exceptions=True, **options)
    async with httpx.AsyncClient(transport=InProcess({"http://a": place})) as client:
        assert "fine" == (await client.get("http://a")).text
    assert ["afterwards"] == [str(r.exc_info[1]) for r in caplog.records if r.exc_info]


async def test_an_application_that_returns_something_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever returns a response instead of sending it learns why nothing came."""

    async def app(scope: Any, receive: Any, send: Any) -> Any:
        return "a response"

    transport = InProcess({"http://a": ASGIEndpoint(app, lifespan="off")})
    async with httpx.AsyncClient(transport=transport) as client:
        with caplog.at_level(logging.ERROR), pytest.raises(httpx.RemoteProtocolError):
            await client.get("http://a")
    assert "returned 'a response' instead of None" in caplog.text


async def test_too_long_a_head_is_refused() -> None:
    """A request that a server would not read is answered 400."""
    transport = InProcess({"http://a": ASGIEndpoint(raw_asgi([]), lifespan="off")})
    async with httpx.AsyncClient(transport=transport) as client:
        response = await client.get("http://a/scope", headers={"x-long": "x" * 200_000})
    assert (400, "Invalid HTTP request received.") == (response.status_code, response.text)


@pytest.mark.parametrize(
    ("path", "message"),
    [("/early", "before it called start_response"), ("/twice", "called twice without exc_info")],
)
def test_start_response_is_called_once_and_first(path: str, message: str) -> None:
    """A WSGI application that breaks the protocol is told how."""

    def app(environ: Any, start: Any) -> Any:
        if environ["PATH_INFO"] == "/twice":
            start("200 OK", [])
            start("200 OK", [])
        return [b"body"]

    place = WSGIEndpoint(app, raise_app_exceptions=True)
    with (
        httpx.Client(transport=InProcess({"http://a": place})) as client,
        pytest.raises(AssertionError, match=message),
    ):
        client.get(f"http://a{path}")


def test_exc_info_after_the_head_is_raised() -> None:
    """Too late to say something else: PEP 3333 has it raised again."""

    def app(environ: Any, start: Any) -> Any:
        start("200 OK", [("Content-Length", "9")])(b"some")
        try:
            raise ValueError("planted")
        except ValueError as exc:
            start("500 Sorry", [], (ValueError, exc, exc.__traceback__))
        return []

    place = WSGIEndpoint(app, raise_app_exceptions=True)
    with (
        httpx.Client(transport=InProcess({"http://a": place})) as client,
        pytest.raises(ValueError, match="planted"),
    ):
        client.get("http://a")
