"""Tests that replace httpx's own transport, as pytest-httpx does, reach a mesh's client too."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import httpx
import pytest

from meshlib import CallOptions
from meshlib.transport import HTTPX, Wire, _foreign
from support import ScriptedServer
from support.ways import User

Replace = Callable[..., list[httpx.Request]]


@pytest.fixture
def replace(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Have httpx's transports answer with these statuses; gives what they are asked."""

    def replaced(*statuses: int, wrapped: bool = False) -> list[httpx.Request]:
        asked: list[httpx.Request] = []
        answers = iter(statuses)

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(next(answers), headers={"x-mock": "1"}, text="mocked")

        def handle_request(transport: httpx.HTTPTransport, request: httpx.Request) -> Any:
            request.read()
            return answer(request)

        async def handle_async_request(
            transport: httpx.AsyncHTTPTransport, request: httpx.Request
        ) -> Any:
            await request.aread()
            return answer(request)

        for kind, function in (
            (httpx.HTTPTransport, handle_request),
            (httpx.AsyncHTTPTransport, handle_async_request),
        ):
            name = function.__name__
            given = wraps(getattr(kind, name))(function) if wrapped else function
            monkeypatch.setattr(kind, name, given)
        return asked

    return replaced


async def test_client_made_before_is_answered(
    use: Callable[..., User],
    server: ScriptedServer,
    replace: Replace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where it has connections already; and when the test is over, they serve again."""
    user = use()
    assert (await user.get("/echo")).headers.get("x-mock") is None
    asked = replace(200, 201)
    response = await user.get("/echo?a=1")
    assert (200, "mocked") == (response.status_code, response.text)
    assert f"{server.url}/echo?a=1" == str(asked[0].url)
    assert 201 == (await user.post("/echo", content=b"x")).status_code
    assert b"x" == asked[1].content
    again = replace(202)
    assert 202 == (await user.get("/echo")).status_code
    assert (2, 1) == (len(asked), len(again))
    monkeypatch.undo()
    assert (await user.get("/echo")).headers.get("x-mock") is None
    assert [0, 0] == [request.connection for request in server.requests]


async def test_client_made_after_is_answered(
    use: Callable[..., User], server: ScriptedServer, replace: Replace
) -> None:
    """By what its service's endpoints are, and with its policies: a 503 is tried again."""
    asked = replace(503, 200, 200)
    user = use()
    if user.way.is_mesh:
        assert 200 == (await user.get("/echo")).status_code
        assert ["1", "2"] == [request.headers["x-envoy-attempt-count"] for request in asked]
    else:
        assert 503 == (await user.get("/echo")).status_code
    async with user.stream("GET", "/echo", extensions={"mesh": CallOptions(retry=False)}) as held:
        assert "mocked" == (await user.read(held)).decode()
    assert server.requests == []


async def test_what_wraps_it_is_no_replacement(
    use: Callable[..., User], server: ScriptedServer, replace: Replace
) -> None:
    """Instrumentation wants to see what httpx's transport sends, and a mesh has its own."""
    asked = replace(200, wrapped=True)
    user = use()
    response = await user.get("/echo")
    assert user.way.is_mesh is (response.headers.get("x-mock") is None) is (asked == [])


def test_replacement_gets_the_options_of_the_wire(replace: Replace) -> None:
    """It may send some requests for real."""
    from meshlib import Mesh, MeshTransport

    mesh = Mesh("test", services={"users": ["http://127.0.0.1:1"]})
    transport = MeshTransport(mesh=mesh, retries=3, uds="/nowhere")
    replace(200)
    transport.handle_request(httpx.Request("GET", "http://users/"))
    wire = transport._wire
    assert isinstance(wire, Wire)
    pool = wire._other._pool
    assert (3, "/nowhere") == (pool._retries, pool._uds)
    transport.close()
    wire.renew()
    assert wire._other is None


@pytest.mark.parametrize(
    ("method", "replaced"),
    [
        (httpx.HTTPTransport.handle_request, False),
        (httpx.AsyncHTTPTransport.handle_async_request, False),
        (wraps(httpx.HTTPTransport.handle_request)(lambda *given: None), False),
        (lambda *given: None, True),
        (object(), True),
    ],
)
def test_replacement_is_told_by_where_it_comes_from(method: Any, replaced: bool) -> None:
    """A function says which module it was written in."""
    assert replaced is _foreign.is_replaced(method, HTTPX)
