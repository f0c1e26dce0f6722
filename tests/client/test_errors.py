"""What httpx's documentation says of exceptions."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from meshlib import CallOptions
from support import (
    ScriptedServer,
    close_after_request,
    half_body,
    reset_after_request,
    says,
)
from support.ways import User

ONCE = {"mesh": CallOptions(retry=False)}
"""httpx does not try again, so neither does the mesh where the two are compared."""


def closed_port() -> str:
    """The URL of a port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_refused_connection(use: Callable[..., User]) -> None:
    """Nobody listens: ConnectError, with the request as the caller made it."""
    user = use(closed_port())
    with pytest.raises(httpx.ConnectError) as caught:
        await user.get("/echo", extensions=ONCE)
    assert user.tell(caught.value.request.url) == "<site>/echo"
    assert caught.value.request.method == "GET"
    with pytest.raises(httpx.ConnectError) as caught:
        await user.post("/echo", json={}, auth=("a", "b"), extensions=ONCE)
    assert caught.value.request.method == "POST"


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (close_after_request(), httpx.RemoteProtocolError),
        (reset_after_request(), httpx.ReadError),
        (half_body(), httpx.RemoteProtocolError),
        (says(b"nonsense\r\n\r\n"), httpx.RemoteProtocolError),
    ],
)
async def test_broken_answer(
    serve: Callable[..., ScriptedServer], use: Callable[..., User], script: Any, kind: Any
) -> None:
    """What the server breaks off raises what httpx raises, with the request."""
    user = use(serve(script).url)
    with pytest.raises(kind) as caught:
        await user.get("/echo", extensions=ONCE)
    assert type(caught.value) is kind
    assert user.tell(caught.value.request.url) == "<site>/echo"


async def test_broken_body_of_a_stream(
    serve: Callable[..., ScriptedServer], use: Callable[..., User]
) -> None:
    """A body that breaks off raises where it is read, after what did arrive."""
    user = use(serve(half_body(b"half")).url)
    async with user.stream("GET", "/echo", extensions=ONCE) as response:
        pieces = user.each(response, "raw")
        assert await anext(pieces) == b"half"
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await anext(pieces)
    assert response.is_closed
    assert user.tell(caught.value.request.url) == "<site>/echo"


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "://example.org", "/relative", "nothing", "http:///x"]
)
async def test_url_without_http_is_refused(user: User, url: str) -> None:
    """What is not `http` or `https` with a host raises UnsupportedProtocol, in every form."""
    user.base = ""
    with pytest.raises(httpx.UnsupportedProtocol) as caught:
        await user.get(url)
    assert caught.value.request.method == "GET"
    with pytest.raises(httpx.UnsupportedProtocol):
        await user.post(url, json={}, auth=("a", "b"))


async def test_url_that_is_none_is_refused(user: User) -> None:
    """InvalidURL is raised before anything is sent, and is no HTTPError."""
    with pytest.raises(httpx.InvalidURL):
        await user.get("http://host:port/")
    with pytest.raises(httpx.InvalidURL):
        await user.request("GET", "http://exam\x00ple.org/")


@pytest.mark.parametrize("headers", [{"X-A": "line\nbreak"}, {"bad name": "1"}])
async def test_header_that_cannot_be_sent_is_refused(
    user: User, server: ScriptedServer, headers: dict[str, str]
) -> None:
    """LocalProtocolError: nothing arrives, nothing is tried again, the client goes on."""
    with pytest.raises(httpx.LocalProtocolError):
        await user.get("/echo", headers=headers)
    assert server.requests == []
    assert (await user.get("/echo")).status_code == 200


async def test_errors_have_their_place_in_the_tree(use: Callable[..., User]) -> None:
    """One `except httpx.HTTPError` catches what a request and its status may raise."""
    user = use(closed_port())
    for kind in (httpx.HTTPError, httpx.RequestError, httpx.TransportError, httpx.NetworkError):
        with pytest.raises(kind):
            await user.get("/echo", extensions=ONCE)
