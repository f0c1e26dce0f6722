"""The helpers of the tests do what they promise, since other tests lean on them."""

from __future__ import annotations

import gc
import socket
import ssl
import time
import warnings
from collections.abc import Callable

import anyio
import httpx
import pytest
import trustme

from support import (
    FakeClock,
    Gate,
    Peer,
    Reply,
    ScriptedServer,
    ServerProcess,
    chunked,
    close_after_headers,
    close_after_request,
    close_at_once,
    drip,
    echo,
    half_body,
    never_answer,
    never_read,
    replies,
    reset_after_request,
    says,
)

Serve = Callable[..., ScriptedServer]


def test_clock_moves_when_told(clock: FakeClock) -> None:
    """Sleeping and advancing move the fake clock, and sleeps are recorded."""
    begun = clock()
    clock.sleep(2.0)
    clock.advance(0.5)

    assert begun + 2.5 == clock()
    assert [2.0] == clock.slept


async def test_clock_moves_when_awaited(clock: FakeClock) -> None:
    """`asleep` advances the clock on both event loops."""
    begun = clock()
    await clock.asleep(3.0)

    assert begun + 3.0 == clock()


def test_sleeping_fails_in_our_own_code() -> None:
    """A test that sleeps fails at that line."""
    with pytest.raises(pytest.fail.Exception, match="real time"):
        time.sleep(0.001)  # never begins


def test_replies_run_over_connections(serve: Serve) -> None:
    """Replies come in order over all connections, and the last one stays."""
    server = serve(replies(503, b"two", Reply(201, b"three", {"x-a": "b"}), then_close=True))
    answers = [httpx.get(server.url) for _ in range(4)]

    assert [503, 200, 201, 201] == [answer.status_code for answer in answers]
    assert [b"", b"two", b"three", b"three"] == [answer.content for answer in answers]
    assert "b" == answers[3].headers["x-a"]
    assert 4 == len(server.connections)


def test_requests_are_recorded_with_their_bodies(serve: Serve) -> None:
    """Bodies of known and of unknown length are both read whole."""
    server = serve(echo())
    with httpx.Client(base_url=server.url) as client:
        assert b"known" == client.post("/a?b=c", content=b"known").content
        assert b"unknown" == client.post("/d", content=iter([b"un", b"known"])).content
        assert b"" == client.head("/e").content

    first, second, third = server.requests
    assert ("POST", "/a?b=c", b"known") == (first.method, first.target, first.body)
    assert "chunked" == second.headers["transfer-encoding"]
    assert (0, "HEAD") == (third.connection, third.method)
    server.wait_for_close(0)


@pytest.mark.parametrize("script", [close_at_once(), close_after_request()])
def test_closing_is_a_disconnect(serve: Serve, script: object) -> None:
    """A connection closed before an answer is a protocol or a read error."""
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        httpx.get(serve(script).url)


def test_reset_is_a_read_error(serve: Serve) -> None:
    """A reset is told apart from a proper close."""
    with pytest.raises(httpx.ReadError):
        httpx.get(serve(reset_after_request()).url)


@pytest.mark.parametrize(
    "script", [close_after_headers(), half_body(), chunked(b"a", complete=False)]
)
def test_a_cut_body_is_a_protocol_error(serve: Serve, script: object) -> None:
    """The headers arrive, and the body breaks off."""
    with httpx.stream("GET", serve(script).url) as response:
        assert 200 == response.status_code
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()


@pytest.mark.parametrize("script", [never_answer(), never_read()])
def test_no_answer_is_a_timeout(serve: Serve, script: object) -> None:
    """The connection stands, and nothing comes."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(serve(script).url, timeout=0.05)


def test_the_first_script_is_the_first_connection(serve: Serve) -> None:
    """Each connection has its own script, and the last script stays."""
    server = serve(says(b"nonsense\r\n\r\n"), chunked(b"a", b"bc"))
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(server.url)

    assert [b"abc", b"abc"] == [httpx.get(server.url).content for _ in range(2)]


def test_a_gate_decides_when_a_chunk_goes(serve: Serve) -> None:
    """A chunk leaves once the gate has opened for it."""
    gate = Gate()
    server = serve(drip([b"a", b"b"], gate=gate))
    gate.open()
    with httpx.stream("GET", server.url) as response:
        chunks = response.iter_raw()
        assert b"a" == next(chunks)
        gate.open()
        assert b"b" == next(chunks)
    gate.open_for_good()
    assert b"ab" == httpx.get(server.url).content


async def test_async_tests_wait_for_the_server(serve: Serve, anyio_backend: str) -> None:
    """A request in flight can be waited for and cancelled on either event loop."""
    server = serve(never_answer())
    async with httpx.AsyncClient() as client, anyio.create_task_group() as group:
        group.start_soon(client.get, server.url)
        await server.until(lambda: server.requests)
        group.cancel_scope.cancel()
    await server.until(lambda: server.connections[0].closed)


def test_a_port_that_no_longer_listens_refuses(serve: Serve) -> None:
    """After `stop_listening` open connections go on and new ones are refused."""
    server = serve()
    with httpx.Client(base_url=server.url) as client:
        client.get("/")
        server.stop_listening()
        assert 200 == client.get("/").status_code
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url)


def test_a_failing_script_fails_the_test() -> None:
    """What a script raises is raised where its server ends."""

    async def script(peer: Peer) -> None:
        raise ZeroDivisionError

    server = ScriptedServer(script)
    server.__enter__()
    with pytest.raises(httpx.HTTPError):
        httpx.get(server.url)
    server.wait_for_close()
    with pytest.raises(ZeroDivisionError):
        server.__exit__(None, None, None)


def test_a_server_that_ends_as_a_connection_comes_leaves_nothing_open() -> None:
    """A connection may be anywhere between the listener and its script when the server ends."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(50):
            with (
                ScriptedServer(never_answer()) as server,
                socket.create_connection(("127.0.0.1", server.port)),
            ):
                server.close()
        gc.collect()
    assert [] == [str(warning.message) for warning in caught]


def test_a_server_speaks_tls(serve: Serve) -> None:
    """With *tls* the URL is https and the certificate is the test's own."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)

    assert 200 == httpx.get(serve(tls=context).url, verify=trusted).status_code


def test_a_process_dies_hangs_and_comes_back() -> None:
    """A server process can be frozen, killed, and started again in the same place."""
    with ServerProcess("one") as server:
        assert "one" == httpx.get(server.url).json()["server"]
        assert 503 == httpx.get(f"{server.url}/status/503").status_code
        server.freeze()
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(server.url, timeout=0.05)
        server.thaw()
        assert 200 == httpx.get(server.url).status_code
        server.close()
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url)
        with ServerProcess("two", port=server.port) as again:
            assert server.url == again.url
