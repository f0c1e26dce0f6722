"""Context variables: the caller's are there, what belongs on the wire is not."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from meshlib import deadline
from meshlib._context import ambient_deadline, tenants
from meshlib.testing.inprocess import ASGIEndpoint, InProcess, WSGIEndpoint

user: ContextVar[str] = ContextVar("user", default="nobody")


def note(seen: list[Any]) -> None:
    """What an application finds in its context, before it changes it."""
    span = trace.get_current_span().get_span_context().is_valid
    seen.append((user.get(), ambient_deadline.get(), tenants.get(), span))
    user.set("application")


def asgi(seen: list[Any]) -> Any:
    """An ASGI application that notes its context at its start and after a chunk."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        note(seen)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        await receive()
        seen.append(user.get())
        await send({"type": "http.response.body", "body": b""})

    return app


def wsgi(seen: list[Any]) -> Any:
    """A WSGI application that notes its context at its start and after a chunk."""

    def app(environ: Any, start: Any) -> Any:
        note(seen)
        start("200 OK", [])
        yield b"some"
        seen.append(user.get())

    return app


EXPECTED = [("test", None, (), False), "application"]
KINDS = pytest.mark.parametrize("kind", [asgi, wsgi])


@pytest.fixture(autouse=True)
def context() -> Any:
    """A caller with a user, a tenant and a span."""
    tokens = user.set("test"), tenants.set(("t",))
    span = NonRecordingSpan(SpanContext(1, 1, False, TraceFlags(1)))
    with trace.use_span(span):
        yield
    user.reset(tokens[0])
    tenants.reset(tokens[1])


@KINDS
async def test_async_callers_context_goes_in_and_nothing_comes_out(kind: Any) -> None:
    """Deadlines, tenants and spans stay behind, since another process has none of them."""
    user.set("test")
    seen: list[Any] = []
    async with httpx.AsyncClient(transport=InProcess({"http://a": kind(seen)})) as client:
        with deadline(10.0), trace.use_span(NonRecordingSpan(SpanContext(1, 1, False))):
            await client.get("http://a")
    assert EXPECTED == seen
    assert "test" == user.get()


@KINDS
def test_sync_callers_context_goes_in_and_nothing_comes_out(kind: Any) -> None:
    """The application in another thread sees it, too."""
    seen: list[Any] = []
    with httpx.Client(transport=InProcess({"http://a": kind(seen)})) as client, deadline(10.0):
        client.get("http://a")
    assert EXPECTED == seen
    assert "test" == user.get()


@pytest.mark.parametrize(("endpoint", "kind"), [(ASGIEndpoint, asgi), (WSGIEndpoint, wsgi)])
async def test_context_is_empty_when_it_is_not_shared(endpoint: Any, kind: Any) -> None:
    """As behind a real server."""
    user.set("test")
    seen: list[Any] = []
    place = endpoint(kind(seen), share_context=False)
    async with httpx.AsyncClient(transport=InProcess({"http://a": place})) as client:
        await client.get("http://a")
    assert ("nobody", None, (), False) == seen[0]


async def test_contexts_of_startup_stay_there() -> None:
    """A server's requests do not inherit them either; `scope["state"]` is what they get."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            seen.append(user.get())
            user.set("startup")
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            seen.append(user.get())
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await asgi(seen)(scope, receive, send)

    user.set("test")
    async with httpx.AsyncClient(transport=InProcess({"http://a": app})) as client:
        await client.get("http://a")
    assert ["nobody", *EXPECTED, "startup"] == seen
