"""What httpx's documentation says of event hooks and logging."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support import ScriptedServer
from support.ways import User


async def test_hooks_are_called_around_each_request(use: Callable[..., User]) -> None:
    """Request hooks see the complete request, response hooks the unread response, in order."""
    told: list[Any] = []
    user = use()

    def asked(request: httpx.Request) -> None:
        told.append((request.method, request.url.path, request.headers["x-a"]))

    def answered(response: httpx.Response) -> None:
        told.append((response.status_code, response.is_closed, response.request.method))

    hooks = {
        "request": [user.hook(asked), user.hook(lambda request: told.append("second"))],
        "response": [user.hook(answered)],
    }
    user = use(event_hooks=hooks, headers={"X-A": "a"})
    await user.get("/chunks")
    assert told == [("GET", "/chunks", "a"), "second", (200, False, "GET")]


async def test_hooks_may_read_and_raise(use: Callable[..., User]) -> None:
    """The documented use: raise for an error status, whose body the hook has read."""
    user = use()

    async def check(response: httpx.Response) -> None:
        await response.aread()
        response.raise_for_status()

    def check_blocking(response: httpx.Response) -> None:
        response.read()
        response.raise_for_status()

    user = use(event_hooks={"response": [check if user.way.loop else check_blocking]})
    assert (await user.get("/status/200")).text == "as you wish"
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await user.get("/status/404")
    assert caught.value.response.text == "as you wish"
    assert caught.value.response.is_closed


async def test_request_hook_may_change_headers(user: User, server: ScriptedServer) -> None:
    """What a request hook writes into the request is sent."""

    def sign(request: httpx.Request) -> None:
        request.headers["X-Signed"] = "yes"

    user.client.event_hooks = {"request": [user.hook(sign)]}
    await user.get("/echo")
    assert server.requests[0].headers["x-signed"] == "yes"


async def test_hooks_can_be_changed_later(user: User) -> None:
    """`event_hooks` can be assigned, and its lists appended to and emptied, at any time."""
    told: list[str] = []
    await user.get("/echo")
    user.client.event_hooks["request"].append(user.hook(lambda request: told.append("request")))
    await user.get("/echo")
    user.client.event_hooks = {"response": [user.hook(lambda response: told.append("response"))]}
    await user.get("/echo")
    user.client.event_hooks["response"].clear()
    await user.get("/echo")
    assert told == ["request", "response"]


async def test_hooks_see_redirects_and_auth(use: Callable[..., User]) -> None:
    """They are called for each request on the way, with URLs that speak of the service."""
    told: list[str] = []
    user = use()
    hook = user.hook(lambda item: told.append(f"{type(item).__name__} {user.tell(item.url)}"))
    user = use(event_hooks={"request": [hook], "response": [hook]}, follow_redirects=True)
    await user.get("/hops/1", auth=("a", "b"))
    assert told == [
        "Request <site>/hops/1",
        "Response <site>/hops/1",
        "Request <site>/hops/0",
        "Response <site>/hops/0",
    ]


async def test_error_in_a_hook_closes_the_response(use: Callable[..., User]) -> None:
    """What a hook raises reaches the caller, and the connection is not lost."""
    seen: list[httpx.Response] = []

    class OwnError(Exception):
        pass

    def fail(response: httpx.Response) -> None:
        seen.append(response)
        raise OwnError

    user = use()
    user = use(event_hooks={"response": [user.hook(fail)]})
    with pytest.raises(OwnError):
        await user.get("/chunks")
    assert seen[0].is_closed
    user.client.event_hooks = {}
    assert (await user.get("/echo")).status_code == 200


async def test_each_request_is_logged(user: User, caplog: pytest.LogCaptureFixture) -> None:
    """The logger `httpx` tells method, URL, version and status of every request, at INFO."""
    caplog.set_level(logging.INFO, logger="httpx")
    await user.get("/status/404")
    await user.post("/hops/1", follow_redirects=True)
    assert [user.tell(record.getMessage()) for record in caplog.records] == [
        'HTTP Request: GET <site>/status/404 "HTTP/1.1 404 Not Found"',
        'HTTP Request: POST <site>/hops/1 "HTTP/1.1 302 Found"',
        'HTTP Request: GET <site>/hops/0 "HTTP/1.1 200 OK"',
    ]
    assert {record.name for record in caplog.records} == {"httpx"}


async def test_connections_are_logged(user: User, caplog: pytest.LogCaptureFixture) -> None:
    """The loggers of httpcore tell what happens on the wire, at DEBUG."""
    caplog.set_level(logging.DEBUG, logger="httpcore")
    await user.get("/echo")
    told = [record.getMessage() for record in caplog.records]
    for event in (
        "connect_tcp.started",
        "send_request_headers.started",
        "response_closed.complete",
    ):
        assert any(message.startswith(event) for message in told), event
