"""Errors of the mesh under httpx2: those of meshlib, and those of httpx2."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpcore2
import httpx2
import pytest

import meshlib
import meshlib.httpx2 as ours
from meshlib.httpx2._errors import adopt, kind_of
from support import Gate, ScriptedServer, drip, never_answer, replies
from support.ways import settled

Serve = Callable[..., ScriptedServer]
DEAD = "http://127.0.0.1:1"


@pytest.fixture(params=["sync", "asyncio", "trio"])
def kind(request: pytest.FixtureRequest) -> str:
    """The colour of the client under test, and its event loop."""
    return str(request.param)


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loop of the client under test; a blocking one runs on asyncio's."""
    kind = request.getfixturevalue("kind") if "kind" in request.fixturenames else "asyncio"
    return "asyncio" if kind == "sync" else str(kind)


@asynccontextmanager
async def made(kind: str, url: str, transport: bool = False, **service: Any) -> AsyncIterator[Any]:
    """A client of the service `users` at *url*, or httpx2's own over a transport of a mesh."""
    options: Any = {"services": {"users": {"endpoints": [url], "retry": False, **service}}}
    if kind == "sync":
        sender = ours.MeshTransport(**options) if transport else None
        client = httpx2.Client(transport=sender) if sender else ours.MeshClient(**options)
        with client:
            yield client
    else:
        asender = ours.AsyncMeshTransport(**options) if transport else None
        aclient = (
            httpx2.AsyncClient(transport=asender) if asender else ours.AsyncMeshClient(**options)
        )
        async with aclient:
            yield aclient


@pytest.mark.parametrize("transport", [False, True])
async def test_wire_fails_as_httpx2(kind: str, transport: bool) -> None:
    """With the error of httpcore2, and that of the system, beneath it."""
    async with made(kind, DEAD, transport) as client:
        with pytest.raises(httpx2.ConnectError) as caught:
            await settled(client.get("http://users/"))
    assert type(caught.value) is httpx2.ConnectError
    assert isinstance(caught.value.__cause__, httpcore2.ConnectError)
    assert isinstance(caught.value.request, httpx2.Request)


@pytest.mark.parametrize("transport", [False, True])
async def test_rejection_is_an_error_of_both(kind: str, transport: bool) -> None:
    """It keeps its facts, and has the request of its caller."""
    async with made(kind, DEAD, transport, breaker={"consecutive_failures": 1}) as client:
        with pytest.raises(httpx2.ConnectError):
            await settled(client.get("http://users/"))
        with pytest.raises(meshlib.CircuitOpenError) as caught:
            await settled(client.get("http://users/"))
    error = caught.value
    assert isinstance(error, httpx2.TransportError)
    assert type(error) is ours.CircuitOpenError
    assert isinstance(error, ours.CallRejectedError)
    assert ("users", True) == (error.service, error.retry_after > 0.0)
    assert isinstance(error.request, httpx2.Request)


@pytest.mark.parametrize("transport", [False, True])
async def test_deadline_is_an_error_of_both(kind: str, serve: Serve, transport: bool) -> None:
    """The failure of the wire by which it showed itself is its cause."""
    async with made(kind, serve(never_answer()).url, transport, timeout="50ms") as client:
        with pytest.raises(meshlib.DeadlineExceededError) as caught:
            await settled(client.get("http://users/"))
    assert isinstance(caught.value, httpx2.TimeoutException)
    assert isinstance(caught.value.__cause__, httpx2.ReadTimeout)
    assert 1 == caught.value.attempts


@pytest.mark.parametrize("transport", [False, True])
async def test_deadline_of_a_body_is_an_error_of_both(
    kind: str, serve: Serve, transport: bool
) -> None:
    """The headers came in time, and the body did not."""
    gate = Gate()
    gate.open()
    begun = serve(drip([b"abc", b"def"], gate=gate))
    async with made(kind, begun.url, transport, timeout="100ms") as client:
        with pytest.raises(meshlib.DeadlineExceededError) as caught:
            await settled(client.get("http://users/"))
    assert isinstance(caught.value, httpx2.TimeoutException)
    assert isinstance(caught.value.request, httpx2.Request)


@pytest.mark.parametrize("transport", [False, True])
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://users/", httpx2.UnsupportedProtocol),
        ("http://127.0.0.1:0/", httpx2.ConnectError),
        ("http://nobody.service.mesh/", httpx2.TransportError),
    ],
)
async def test_address_of_nobody_is_an_error_of_httpx2(
    kind: str, transport: bool, url: str, expected: Any
) -> None:
    """Though the mesh says so before there is a call."""
    async with made(kind, DEAD, transport) as client:
        with pytest.raises(expected):
            await settled(client.get(url))


async def test_unknown_name_is_an_error_of_both(kind: str) -> None:
    """From every method that takes one."""
    async with made(kind, DEAD) as client:
        for ask in (client.service, lambda name: client.explain(name, "/")):
            with pytest.raises(ours.NoEndpointError, match="nobody"):
                ask("nobody")
        with pytest.raises(httpx2.TransportError, match="nobody"):
            await settled(client.get("nobody", "/"))


async def test_refused_route_is_an_error_of_both(kind: str) -> None:
    """`outside: deny` is not only what meshlib calls it."""
    options: Any = {"config": {"outside": "deny"}, "services": {"users": [DEAD]}}
    client: Any = ours.MeshClient(**options) if kind == "sync" else ours.AsyncMeshClient(**options)
    with pytest.raises(httpx2.TransportError) as caught:
        await settled(client.get("http://elsewhere.example/"))
    assert isinstance(caught.value, meshlib.RouteDeniedError)
    await settled(client.close() if kind == "sync" else client.aclose())


async def test_events_have_the_error_of_the_caller(serve: Serve) -> None:
    """A listener that compares them is not misled."""
    told: list[Any] = []
    services = {"users": {"endpoints": [serve(never_answer()).url], "timeout": "50ms"}}
    client = ours.MeshClient(services=services, listeners=[told.append])
    with client, pytest.raises(ours.DeadlineExceededError) as caught:
        client.get("http://users/")
    errors = [event.error for event in told if getattr(event, "error", None) is not None]
    assert caught.value in errors or "DeadlineExceededError" in map(str, errors)


async def test_fallback_answers_as_httpx2(kind: str, serve: Serve) -> None:
    """A document's, a value's, and what was answered before."""
    fallback = {"status": 203, "json": {"a": 1}}
    async with made(kind, DEAD, fallback=fallback) as client:
        response = await settled(client.get("http://users/"))
        assert isinstance(response, httpx2.Response)
        assert (203, {"a": 1}) == (response.status_code, response.json())
        options = meshlib.CallOptions(fallback=b"plain")
        told = await settled(client.get("http://users/", extensions={"mesh": options}))
        assert b"plain" == told.content
    server = serve(replies(b"kept", 500))
    async with made(kind, server.url, fallback={"cached": "60s"}) as client:
        assert b"kept" == (await settled(client.get("http://users/"))).content
        again = await settled(client.get("http://users/"))
        assert (200, b"kept") == (again.status_code, again.content)


async def test_fallback_of_the_other_library_is_refused(kind: str) -> None:
    """By name, as the client would only fail to read it."""
    import httpx

    options = meshlib.CallOptions(fallback=lambda request, error: httpx.Response(200))
    async with made(kind, DEAD) as client:
        with pytest.raises(TypeError, match="response of httpx, and the caller uses httpx2"):
            await settled(client.get("http://users/", extensions={"mesh": options}))


def test_error_of_somebodys_own_stays_one() -> None:
    """It becomes one of httpx2 and remains what it was."""

    class OwnError(meshlib.CircuitOpenError):
        """Of an application."""

    error = adopt(OwnError("own", service="users"))
    assert isinstance(error, OwnError)
    assert isinstance(error, httpx2.TransportError)
    assert ("own", "users", "OwnError") == (str(error), error.service, type(error).__name__)
    assert kind_of(OwnError) is type(error)
    assert adopt(error) is error
    assert kind_of(type(error)) is type(error)
    assert kind_of(ValueError) is ValueError


@pytest.mark.parametrize(
    "error",
    [
        ours.CircuitOpenError("a", service="users", retry_after=1.0),
        ours.DeadlineExceededError("a", attempts=2),
        ours.NoEndpointError("a", service="users"),
    ],
)
def test_errors_are_made_and_pickled_as_others(error: Exception) -> None:
    """Under the name that they are imported by."""
    copy = pickle.loads(pickle.dumps(error))
    assert (type(error), str(error)) == (type(copy), str(copy))
    assert vars(error) == vars(copy)
    assert repr(type(error)).startswith("<class 'meshlib.httpx2.")


def test_every_rejection_has_a_class_of_its_own() -> None:
    """Under the same name as in meshlib, and importable from here."""
    for name in ours.__all__:
        plain = getattr(meshlib, name)
        if isinstance(plain, type) and issubclass(plain, meshlib.CallRejectedError):
            assert kind_of(plain) is getattr(ours, name)
    public = {getattr(meshlib, name) for name in meshlib.__all__}
    rejections = {
        kind
        for kind in public
        if isinstance(kind, type) and issubclass(kind, meshlib.CallRejectedError)
    }
    assert {kind.__name__ for kind in rejections} <= set(ours.__all__)
