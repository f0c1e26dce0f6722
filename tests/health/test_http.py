"""Checks by HTTP against real servers."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from meshlib import Endpoint
from meshlib.health import HttpCheckOptions
from meshlib.health._http import HttpChecker
from meshlib.health._place import place_of
from meshlib.health._trust import Trust
from meshlib.health._wire import Wire
from support import (
    Peer,
    Reply,
    ScriptedServer,
    chunked,
    close_after_request,
    close_at_once,
    drip,
    half_body,
    never_answer,
    never_read,
    replies,
    reset_after_request,
    says,
)
from support.checks import Checks, checked
from support.tls import Authority

Serve = Callable[..., ScriptedServer]


async def http(url: str, timeout: float = 20.0, **options: Any) -> str | None:
    """The result of one check of `/health`."""
    return await checked(url, timeout=timeout, http={"path": "/health", **options})


async def half_body_then_nothing(peer: Peer) -> None:
    """Announce more than is sent, and wait for the client to go."""
    await peer.request()
    await peer.send_head(200, {"content-length": "100"})
    await peer.gone()


async def stop_when(checks: Checks, server: ScriptedServer, stage: str) -> None:
    """End the time of the check when it has come as far as *stage*."""
    await server.until(lambda: server.requests)
    while checks.crew._checkers[checks.entry].stage != stage:
        await anyio.lowlevel.checkpoint()
    checks.crew._scopes[checks.entry].cancel()


async def test_passes_on_the_right_status(serve: Serve) -> None:
    """The request is as told, and goes to the endpoint under its own name."""
    server = serve(replies(204))
    assert await http(f"{server.url}/api/") is None
    (request,) = server.requests
    assert ("GET", "/api/health") == (request.method, request.target)
    assert f"127.0.0.1:{server.port}" == request.headers["host"]
    assert "meshlib-health" == request.headers["user-agent"]


async def test_sends_what_it_is_told(serve: Serve) -> None:
    """Method, query, headers and host."""
    server = serve(replies(200))
    assert (
        await checked(
            server.url,
            http={
                "path": "/ready?deep=1",
                "method": "POST",
                "headers": {"X-Probe": "mesh"},
                "host": "users.internal:80",
            },
        )
        is None
    )
    (request,) = server.requests
    assert ("POST", "/ready?deep=1") == (request.method, request.target)
    sent = {name: request.headers[name] for name in ("host", "x-probe", "content-length")}
    assert {"host": "users.internal:80", "x-probe": "mesh", "content-length": "0"} == sent


@pytest.mark.parametrize("status", [199 + 1, 204, 299])
async def test_any_2xx_passes(serve: Serve, status: int) -> None:
    """Unless other statuses are named."""
    assert await http(serve(replies(status)).url) is None


@pytest.mark.parametrize("status", [301, 404, 429, 500, 503])
async def test_another_status_fails(serve: Serve, status: int) -> None:
    """The reason names both."""
    assert f"status {status} is not 200-299" == await http(serve(replies(status)).url)


async def test_a_redirect_passes_only_if_asked_for(serve: Serve) -> None:
    """It is not followed in either case."""
    away = Reply(302, headers={"location": "/elsewhere"})
    server = serve(replies(away))
    assert "status 302 is not 200 or 404-410" == await http(server.url, status=[200, "404-410"])
    assert await http(server.url, status=["2xx", 302]) is None
    assert ["/health", "/health"] == [request.target for request in server.requests]


@pytest.mark.parametrize(
    ("sent", "body", "reason"),
    [
        (b"status: ok.", "ok", None),
        (b"status: ill", "ok", "the body does not contain 'ok'"),
        (b'{"status": "up", "more": 1}', {"json": {"status": "up"}}, None),
        (b'{"a": {"b": [1], "c": 2}}', {"json": {"a": {"b": [1]}}}, None),
        (
            b'{"status": "down"}',
            {"json": {"status": "up"}},
            'the body has not {"status": "up"}',
        ),
        (b"{}", {"json": {"status": "up"}}, 'the body has not {"status": "up"}'),
        (b'{"a": 1}', {"json": {"a": True}}, 'the body has not {"a": true}'),
        (b"[]", {"json": {"a": 1}}, 'the body has not {"a": 1}'),
        (b"null", {"json": None}, None),
        (b"up", {"json": {}}, "the body is no JSON"),
        (b"[" * 60_000, {"json": {}}, "the body is no JSON"),
        (b"x" * 65536 + b"ok", "ok", "the body does not contain 'ok'"),
        (b'{"status": "up"} ok', {"contains": "ok", "json": {}}, "the body is no JSON"),
    ],
)
async def test_looks_at_the_body(serve: Serve, sent: bytes, body: Any, reason: str | None) -> None:
    """For a text, or for members of an object, within its first 64 KiB."""
    assert reason == await http(serve(replies(sent)).url, body=body)


async def test_a_chunked_body_is_read(serve: Serve) -> None:
    """The text may cross chunks; what follows an interim answer is the answer."""
    assert await http(serve(chunked(b"statu", b"s: o", b"k")).url, body="ok") is None
    early = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    assert await http(serve(says(early)).url, body="ok") is None


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (close_at_once(), "the connection was closed without an answer"),
        (close_after_request(), "the connection was closed without an answer"),
        (reset_after_request(), "the connection was closed without an answer"),
        (half_body(), "the answer is no proper HTTP: peer closed connection without sending"),
        (chunked(b"ok", complete=False), "the answer is no proper HTTP: "),
        (says(b"HTTP/1.1 200 O"), "the answer is no proper HTTP: peer unexpectedly closed"),
        (says(b"SSH-2.0-OpenSSH_9\r\n\r\n"), "the answer is no proper HTTP: "),
    ],
)
async def test_half_an_answer_fails(serve: Serve, script: Any, reason: str) -> None:
    """Also when its status was good."""
    assert (await http(serve(script).url) or "").startswith(reason)


@pytest.mark.parametrize(
    "script", [never_answer(), never_read(), drip([b"x"] * 200, interval=0.02)]
)
async def test_a_check_takes_no_longer_than_its_timeout(serve: Serve, script: Any) -> None:
    """Not when nothing is answered, and not when bytes go on coming."""
    reason = await http(serve(script).url, timeout=0.2)
    assert (reason or "").startswith("no result after 0.2 s, while ")


@pytest.mark.parametrize(
    ("script", "stage"),
    [
        (never_answer(), "waiting for the answer"),
        (half_body_then_nothing, "reading the body of the answer"),
    ],
)
async def test_tells_what_took_so_long(serve: Serve, script: Any, stage: str) -> None:
    """What it was doing when the time was over; the connection is closed then."""
    server = serve(script)
    async with Checks(server.url, http="/") as checks, anyio.create_task_group() as group:
        group.start_soon(stop_when, checks, server, stage)
        assert f"no result after 20 s, while {stage}" == await checks()
    await server.until(lambda: server.connections[0].closed)


async def test_nobody_listens() -> None:
    """A refused connection fails, by its reason alone."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert "cannot connect: Connection refused" == await http(url)


async def test_a_name_that_is_not_known() -> None:
    """The resolver's own words."""
    assert (await http("http://nowhere.invalid") or "").startswith("cannot connect: ")


async def test_credentials_are_not_told(serve: Serve) -> None:
    """What the endpoint's URL or an answer holds of them is left out of the reason."""
    reason = await http(serve(replies(b"")).url, body="https://user:hunter2@host/?token=abc")
    assert reason is not None
    assert "hunter2" not in reason
    assert "abc" not in reason


async def test_a_long_reason_is_cut(serve: Serve) -> None:
    """One line of 200 characters is enough for a log and a table."""
    reason = await http(serve(replies(b"")).url, body="x" * 500)
    assert reason is not None
    assert (200, "…") == (len(reason), reason[-1])


async def test_keeps_its_connection(serve: Serve) -> None:
    """Checks of one endpoint go over one connection."""
    server = serve(replies())
    async with Checks(server.url, http="/") as checks:
        assert [None] * 3 == [await checks() for _ in range(3)]
    assert (1, 3) == (len(server.connections), len(server.requests))
    await server.until(lambda: server.connections[0].closed)


async def test_need_not_keep_its_connection(serve: Serve) -> None:
    """It says so, and closes it."""
    server = serve(replies())
    async with Checks(server.url, http="/", reuse_connections=False) as checks:
        assert [None] * 2 == [await checks() for _ in range(2)]
        await server.until(lambda: server.connections[1].closed)
    assert ["close"] * 2 == [request.headers["connection"] for request in server.requests]


async def test_a_kept_connection_that_was_closed_is_replaced(serve: Serve) -> None:
    """As by a server whose patience is as long as the interval."""
    server = serve(replies(200, then_close=True))
    async with Checks(server.url, http="/") as checks:
        for number in range(3):
            assert await checks() is None
            await server.until(lambda number=number: server.connections[number].closed)
    assert 3 == len(server.connections)


async def test_a_connection_that_ends_under_the_request_is_replaced(serve: Serve) -> None:
    """The server may close it while the request is on its way."""

    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.respond(200)
        await peer.request()

    server = serve(once, replies())
    async with Checks(server.url, http="/") as checks:
        assert [None] * 2 == [await checks() for _ in range(2)]
    assert 2 == len(server.connections)


async def test_a_new_connection_is_not_replaced(serve: Serve) -> None:
    """What closes each connection without an answer is not fit."""
    server = serve(replies(200), close_after_request())
    async with Checks(server.url, http="/") as checks:
        assert await checks() is None
    async with Checks(server.url, http="/") as checks:
        assert "the connection was closed without an answer" == await checks()
    assert 2 == len(server.connections)


async def test_a_late_word_is_not_taken_for_an_answer(serve: Serve) -> None:
    """A server that ends an idle connection may first say 408."""

    async def grumbles(peer: Peer) -> None:
        await peer.request()
        await peer.respond(200)
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")

    server = serve(grumbles, replies())
    async with Checks(server.url, http="/") as checks:
        assert await checks() is None
        await server.until(lambda: server.connections[0].closed)
        assert await checks() is None


async def test_a_connection_that_breaks_while_sending_is_replaced(serve: Serve) -> None:
    """A reset that is noticed by the write says no more than one that the read notices."""
    server = serve(reset_after_request(), replies())

    class Deaf(HttpChecker):
        silent = False

    options = HttpCheckOptions(path="/")
    checker = Deaf(options, trust=Trust(options.tls), port=None, reuse=True)
    endpoint = Endpoint(server.url)
    wire = checker.wire = await Wire.open(place_of(endpoint))
    await wire.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    await server.until(lambda: server.requests and server.connections[0].closed)
    await checker.check(endpoint)
    await checker.aclose()
    assert 2 == len(server.connections)


async def test_an_answer_that_is_too_long_is_left(serve: Serve) -> None:
    """Its beginning decides, and the connection is not kept."""
    server = serve(replies(b"ok" + b"x" * 200_000))
    async with Checks(server.url, http={"path": "/", "body": "ok"}) as checks:
        assert [None] * 2 == [await checks() for _ in range(2)]
    assert 2 == len(server.connections)


async def test_another_port(serve: Serve) -> None:
    """The health of a service may be told beside it, and by another scheme."""
    server = serve(replies())
    options = {"http": {"path": "/health", "scheme": "http"}, "port": server.port}
    assert await checked("https://127.0.0.1:1/api", **options) is None
    assert "/api/health" == server.requests[0].target
    assert f"127.0.0.1:{server.port}" == server.requests[0].headers["host"]


async def test_ipv6() -> None:
    """The Host header of such an address has brackets."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with ScriptedServer(replies(), host="::1") as server:
        assert await http(f"http://[::1]:{server.port}") is None
        assert f"[::1]:{server.port}" == server.requests[0].headers["host"]


async def test_https_is_verified(serve: Serve, tmp_path: Path) -> None:
    """The certificate must be trusted, and for the endpoint's host or what it is called."""
    authority = Authority()
    ca = authority.write(tmp_path / "ca.pem")
    server = serve(replies(), tls=authority.server("127.0.0.1", "users.internal"))
    assert await http(server.url, tls={"ca": ca}) is None
    refused = await http(server.url)
    assert refused is not None
    assert refused.startswith("the certificate is refused: ")
    assert await http(server.url, tls={"verify": False}) is None
    assert await http(server.url, host="users.internal", tls={"ca": ca}) is None
    other = await http(server.url, tls={"ca": ca, "server_name": "orders.internal"})
    assert other is not None
    assert "orders.internal" in other


async def test_shows_a_certificate(serve: Serve, tmp_path: Path) -> None:
    """To servers that ask for one."""
    authority = Authority()
    ca = authority.write(tmp_path / "ca.pem")
    leaf = authority.write_leaf(tmp_path / "leaf.pem", "checkout")
    server = serve(replies(), tls=authority.server("127.0.0.1", clients=True))
    assert await http(server.url, tls={"ca": ca, "cert": leaf}) is None
    assert await http(server.url, tls={"ca": ca}) is not None
    server.errors.clear()


async def test_a_file_that_is_missing_fails_the_check(serve: Serve, tmp_path: Path) -> None:
    """It may come later: files are looked at for each connection."""
    authority = Authority()
    server = serve(replies(), tls=authority.server("127.0.0.1"))
    ca = tmp_path / "ca.pem"
    async with Checks(server.url, http={"path": "/", "tls": {"ca": str(ca)}}) as checks:
        missing = await checks()
        assert missing is not None
        assert "No such file" in missing
        authority.write(ca)
        assert await checks() is None


async def test_many_endpoints_do_not_keep_connections(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Descriptors are few, so beyond some hundreds each check has a connection of its own."""
    monkeypatch.setattr("meshlib.health._crew._KEPT", 0)
    server = serve(replies())
    async with Checks(server.url, http="/") as checks:
        assert [None] * 2 == [await checks() for _ in range(2)]
    assert 2 == len(server.connections)
