"""What httpx's documentation says of extensions of requests and responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from support import ScriptedServer
from support.ways import User


def tracer(user: User, told: list[tuple[str, Any]]) -> Any:
    """A `trace` extension of the client's colour that notes what it is told."""

    def trace(event: str, info: dict[str, Any]) -> None:
        told.append((event, info))

    async def suspending(event: str, info: dict[str, Any]) -> None:
        trace(event, info)

    return suspending if user.way.loop else trace


async def test_trace_tells_what_happens_on_the_wire(user: User, server: ScriptedServer) -> None:
    """Every step of connecting, sending and receiving, begun and done, in order."""
    told: list[tuple[str, Any]] = []
    await user.post("/echo", content=b"x", extensions={"trace": tracer(user, told)})
    steps = [
        "connection.connect_tcp",
        "http11.send_request_headers",
        "http11.send_request_body",
        "http11.receive_response_headers",
        "http11.receive_response_body",
        "http11.response_closed",
    ]
    assert [event for event, _ in told] == [
        f"{step}.{moment}" for step in steps for moment in ("started", "complete")
    ]
    assert told[0][1]["port"] == server.port
    told.clear()
    await user.get("/echo", extensions={"trace": tracer(user, told)})
    assert "connection.connect_tcp.started" not in dict(told)


async def test_target_replaces_the_path(user: User, server: ScriptedServer) -> None:
    """`target` is what stands in the request line, such as for OPTIONS."""
    await user.request("OPTIONS", "/echo", extensions={"target": b"*"})
    await user.get("/echo", extensions={"target": b"/exact%zz"})
    assert [one.target for one in server.requests] == ["*", "/exact%zz"]


async def test_timeout_extension_is_kept(user: User) -> None:
    """A timeout in the extensions is the request's own."""
    given = {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0}
    response = await user.get("/echo", extensions={"timeout": given})
    assert response.request.extensions["timeout"] == given
    bare = httpx.Request("GET", user.at("/echo"), extensions={"timeout": given})
    await user.send(bare)
    assert bare.extensions["timeout"] == given


async def test_other_extensions_are_left_alone(user: User) -> None:
    """What nobody knows stays in the request, and the caller's mapping is not changed."""
    own = {"own": object()}
    before = dict(own)
    response = await user.get("/echo", extensions=own)
    assert response.request.extensions["own"] is own["own"]
    assert own == before


async def test_network_stream_is_in_the_response(user: User, server: ScriptedServer) -> None:
    """It tells both addresses of the connection, and has the socket."""
    async with user.stream("GET", "/chunks") as response:
        stream = response.extensions["network_stream"]
        assert stream.get_extra_info("server_addr")[:2] == ("127.0.0.1", server.port)
        assert stream.get_extra_info("client_addr")[0] == "127.0.0.1"
        assert stream.get_extra_info("socket").fileno() >= 0
        await user.read(response)


async def test_websocket_urls_are_sent_as_http(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """Libraries that upgrade a connection ask for `ws:` URLs, which httpx takes as `http:`."""
    user = use()
    url = user.base.replace("http", "ws", 1) + "/echo"
    response = await user.get(url)
    assert response.status_code == 200
    assert response.url.scheme == "ws"
    assert server.requests[0].target == "/echo"
