"""Checks by gRPC against gRPC's own server, and against others that do not know it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.health._checker import CheckFailedError
from meshlib.health._grpc_answer import GrpcAnswer
from meshlib.health._grpc_messages import CODES, request, serving_status
from support import Peer, ScriptedServer, close_at_once, never_answer, replies, says
from support.checks import Checks, checked
from support.grpc_server import GrpcServer, Serving
from support.h2 import Http2Server

Serve = Callable[..., ScriptedServer]


@pytest.fixture(scope="module")
def server() -> Iterator[GrpcServer]:
    """A server with a health service."""
    with GrpcServer() as started:
        yield started


def wire_of(checks: Checks) -> Any:
    """The connection that is kept."""
    checker: Any = checks.crew._checkers[checks.entry]
    return checker.wire


async def test_serving_passes(server: GrpcServer) -> None:
    """The server as a whole, and a service of it; over one connection."""
    server.set("", "SERVING")
    server.set("users.v1.Users", "SERVING")
    assert await checked(server.url, grpc=True) is None
    assert await checked(server.url, grpc="users.v1.Users") is None


@pytest.mark.parametrize("status", ["NOT_SERVING", "UNKNOWN"])
async def test_another_status_fails(server: GrpcServer, status: str) -> None:
    """The reason says which."""
    server.set("orders.v1", status)
    assert f"orders.v1 is {status}" == await checked(server.url, grpc="orders.v1")
    server.set("", status)
    assert f"the server is {status}" == await checked(server.url, grpc=True)


async def test_an_unknown_service_fails(server: GrpcServer) -> None:
    """The protocol answers NOT_FOUND for it."""
    reason = await checked(server.url, grpc="nobody.v1")
    assert "the server knows no service 'nobody.v1' (NOT_FOUND)" == reason


async def test_a_server_without_the_health_service_is_a_mistake() -> None:
    """The check is wrong then, and not the server; the reason says so."""
    with GrpcServer(healthy=False) as bare:
        reason = await checked(bare.url, grpc=True)
    assert reason is not None
    assert reason.startswith("this check cannot work: the server does not implement grpc.health.v1")
    assert "UNIMPLEMENTED" in reason


async def test_follows_the_status_over_one_connection(server: GrpcServer) -> None:
    """Questions are streams of one connection as long as that is good."""
    server.set("a", "SERVING")
    async with Checks(server.url, grpc="a") as checks:
        assert await checks() is None
        wire = wire_of(checks)
        server.set("a", "NOT_SERVING")
        assert "a is NOT_SERVING" == await checks()
        server.set("a", "SERVING")
        assert await checks() is None
        assert wire is wire_of(checks)


async def test_a_connection_is_not_kept_when_told_so(server: GrpcServer) -> None:
    """Each check has its own."""
    server.set("", "SERVING")
    async with Checks(server.url, grpc=True, reuse_connections=False) as checks:
        assert await checks() is None
        assert wire_of(checks) is None


async def test_metadata_is_sent(server: GrpcServer) -> None:
    """For servers that ask who is there."""
    server.set("", "SERVING")
    assert await checked(server.url, grpc={"metadata": {"X-Tenant": "probe"}}) is None
    assert "probe" == server.metadata[-1]["x-tenant"]


async def test_a_restarted_server_is_found(tmp_path: Path) -> None:
    """The kept connection has ended; the check after that opens another one."""
    with GrpcServer() as first:
        first.set("", "SERVING")
        checks = Checks(first.url, grpc=True)
        assert await checks() is None
    assert (await checks() or "").startswith("cannot connect: ")
    await checks.crew.aclose()


async def test_speaks_tls(tmp_path: Path) -> None:
    """Negotiated by ALPN, and verified."""
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "users.internal")
    pair = leaf.private_key_pem.bytes(), b"".join(one.bytes() for one in leaf.cert_chain_pems)
    credentials = grpc.ssl_server_credentials([pair])
    ca = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(ca)
    with GrpcServer(credentials=credentials) as server:
        server.set("", "SERVING")
        trusted: dict[str, Any] = {"tls": {"ca": ca}}
        assert await checked(server.url, grpc=trusted) is None
        assert await checked(server.url, grpc=trusted | {"authority": "users.internal"}) is None
        refused = await checked(server.url, grpc=True)
    assert (refused or "").startswith("the certificate is refused: ")


async def test_tls_without_http2_fails(serve: Serve, tmp_path: Path) -> None:
    """What speaks only HTTP/1.1 cannot be asked."""
    from support.tls import Authority

    authority = Authority()
    ca = authority.write(tmp_path / "ca.pem")
    server = serve(replies(), tls=authority.server("127.0.0.1"))
    reason = await checked(server.url, grpc={"tls": {"ca": ca}})
    assert "the server does not offer HTTP/2" == reason


async def test_another_server_of_http2_is_no_grpc() -> None:
    """Its type is another one."""
    with Http2Server() as server:
        reason = await checked(server.url, grpc=True, reuse_connections=False)
    assert "no answer of gRPC: its type is 'application/json'" == reason


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "the server does not speak HTTP/2"),
        (says(b"\0\0\0\1\0\0\0\0\0"), "the server speaks no proper HTTP/2: "),
        (close_at_once(), "the connection was "),
    ],
)
async def test_other_servers_fail(serve: Serve, script: Any, reason: str) -> None:
    """What speaks HTTP/1.1, or nothing at all."""
    assert (await checked(serve(script).url, grpc=True) or "").startswith(reason)


async def test_a_hung_server_ends_with_the_timeout(serve: Serve) -> None:
    """Nothing stays open."""
    server = serve(never_answer())
    reason = await checked(server.url, grpc=True, timeout=0.2)
    assert (reason or "").startswith("no result after 0.2 s, while ")
    await server.until(lambda: all(one.closed for one in server.connections))


def resets(connection: h2.connection.H2Connection, stream: int) -> None:
    """A step that resets the TCP connection."""


def leaves(connection: h2.connection.H2Connection, stream: int) -> None:
    """A step that ends the server's half of the TCP connection."""


def http2(*steps: Callable[[h2.connection.H2Connection, int], object]) -> Any:
    """A script that answers each request of HTTP/2 with the next of *steps*, the last for ever."""

    async def script(peer: Peer) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        await peer.send(connection.data_to_send())
        number = 0
        while data := await peer._reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    step = steps[min(number, len(steps) - 1)]
                    number += 1
                    if step is resets:
                        peer.reset()
                        return
                    if step is leaves:
                        peer._writer.write_eof()  # to close would reset what is under way
                        await peer.gone()
                        return
                    step(connection, event.stream_id)
            await peer.send(connection.data_to_send())
            if connection.state_machine.state is h2.connection.ConnectionState.CLOSED:
                return

    return script


GRPC = [(":status", "200"), ("content-type", "application/grpc")]
SERVING = b"\0\0\0\0\2\x08\1"


def answers(body: bytes = SERVING, *trailers: tuple[str, str], status: str = "200") -> Any:
    """A step that answers with a message and trailers."""
    headers = [(":status", status), *GRPC[1:]]

    def step(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.send_headers(stream, headers)
        for start in range(0, len(body), 16384):
            connection.send_data(stream, body[start : start + 16384])
        connection.send_headers(stream, trailers or [("grpc-status", "0")], end_stream=True)

    return step


def ends(*headers: tuple[str, str]) -> Any:
    """A step that answers with trailers only."""
    return lambda connection, stream: connection.send_headers(
        stream, [*GRPC, *headers], end_stream=True
    )


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (answers(), None),
        (answers(b"\0\0\0\0\0"), "the server is UNKNOWN"),
        (answers(b"\0\0\0\0\2\x08\3"), "the server is SERVICE_UNKNOWN"),
        (answers(b"\0\0\0\0\2\x08\x09"), "the server is status 9"),
        (answers(b"ok"), "the answer is no message of grpc.health.v1"),
        (answers(b"\1\0\0\0\2\x08\1"), "the answer is no message of grpc.health.v1"),
        (answers(b"x" * 20_000), "the answer is too long for one of grpc.health.v1"),
        (answers(status="503"), "no answer of gRPC: status 503 of HTTP"),
        (
            answers(SERVING, ("grpc-status", "13"), ("grpc-message", "no%20disk")),
            "gRPC answered INTERNAL: no disk",
        ),
        (answers(SERVING, ("x", "y")), "the answer of gRPC has no status"),
        (ends(("grpc-status", "14")), "gRPC answered UNAVAILABLE"),
        (ends(("grpc-status", "99")), "gRPC answered the unknown status 99"),
        (ends(("grpc-status", "²")), "gRPC answered the unknown status"),
        (ends(("grpc-status", "16"), ("grpc-message", "token=abc")), "gRPC answered UNAUTHENTI"),
        (lambda c, s: c.reset_stream(s, 2), "the server reset the stream, with error 2"),
        (lambda c, s: c.close_connection(), "the server ended the connection"),
        (leaves, "the connection was closed without an answer"),
        (resets, "the connection was reset"),
    ],
)
async def test_what_a_server_may_answer(serve: Serve, step: Any, reason: str | None) -> None:
    """Only a complete answer of SERVING passes; everything else is told."""
    found = await checked(serve(http2(step)).url, grpc=True)
    assert (found or "").startswith(reason or "")
    assert (found is None) is (reason is None)


async def test_an_answer_before_a_reset_counts(serve: Serve) -> None:
    """A server may end the stream before it has read the request to its end."""

    def step(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.send_headers(stream, [*GRPC, ("grpc-status", "8")])
        connection.reset_stream(stream, 0)

    assert "gRPC answered RESOURCE_EXHAUSTED" == await checked(serve(http2(step)).url, grpc=True)


async def test_what_is_said_of_other_things_is_passed_over(serve: Serve) -> None:
    """Pings are answered, pushes and settings are not for us."""

    def step(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.ping(b"12345678")
        connection.increment_flow_control_window(10, stream)
        answers()(connection, stream)

    async with Checks(serve(http2(step)).url, grpc=True) as checks:
        assert [None] * 3 == [await checks() for _ in range(3)]


async def test_a_connection_that_the_server_ends_is_replaced(serve: Serve) -> None:
    """As servers do that let connections grow only so old."""
    server = serve(http2(answers(), lambda c, s: c.close_connection()), http2(answers()))
    async with Checks(server.url, grpc=True) as checks:
        assert [None] * 2 == [await checks() for _ in range(2)]
    assert 2 == len(server.connections)


async def test_a_reset_connection_is_replaced(serve: Serve) -> None:
    """It says nothing of the server that there is now."""
    server = serve(http2(answers(), resets), http2(answers()))
    async with Checks(server.url, grpc=True) as checks:
        assert [None] * 2 == [await checks() for _ in range(2)]
    assert 2 == len(server.connections)


def test_needs_h2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the error says what to install, when the check is set up."""
    monkeypatch.setitem(sys.modules, "h2.connection", None)
    with pytest.raises(ConfigurationError, match=r"install meshlib-client\[http2\]") as error:
        Checks("http://127.0.0.1:1", grpc=True)
    assert "health_check.grpc" == error.value.path


@given(st.text(max_size=300))
@example("x" * 200)
def test_requests_are_read_by_the_library(service: str) -> None:
    """The bytes are those of the message of protobuf."""
    from grpc_health.v1 import health_pb2

    sent = request(service)
    message = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    assert sent == b"\0" + len(message).to_bytes(4) + message


@pytest.mark.parametrize("name", Serving.keys())
def test_answers_of_the_library_are_read(name: str) -> None:
    """Each value of the enum by its name."""
    from grpc_health.v1 import health_pb2

    message = health_pb2.HealthCheckResponse(status=name).SerializeToString()
    assert name == serving_status(b"\0" + len(message).to_bytes(4) + message)


def test_codes_are_those_of_the_library() -> None:
    """By number."""
    assert CODES == tuple(code.name for code in sorted(grpc.StatusCode, key=lambda c: c.value[0]))


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"\x08\1\x08\2", "NOT_SERVING"),  # the last one counts
        (b"\x12\3abc\x08\1", "SERVING"),  # a field of length
        (b"\x10\5\x08\1", "SERVING"),  # another number
        (b"\x11" + b"x" * 8 + b"\x08\1", "SERVING"),  # of 64 bits
        (b"\x15" + b"x" * 4 + b"\x08\1", "SERVING"),  # of 32 bits
        (b"\x08\x81\0", "SERVING"),  # longer than it need be
        (b"\x08\x80\1", "status 128"),
    ],
)
def test_unknown_fields_are_passed_over(message: bytes, status: str) -> None:
    """A later version of the message may have more."""
    assert status == serving_status(b"\0" + len(message).to_bytes(4) + message)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_status_or_no_message(data: bytes) -> None:
    """Never another error."""
    for answer in (data, b"\0" + len(data).to_bytes(4) + data):
        with contextlib.suppress(CheckFailedError):
            assert serving_status(answer)


@pytest.mark.parametrize("message", [b"\x0b\x08\1", b"\x0c", b"\x0e", b"\x0f", b"\x12\x05a"])
def test_no_message(message: bytes) -> None:
    """Groups, kinds that there are not, and a field that is longer than its message."""
    with pytest.raises(CheckFailedError):
        serving_status(b"\0" + len(message).to_bytes(4) + message)


def test_headers_may_be_bytes() -> None:
    """As h2 gives them unless told otherwise."""
    answer = GrpcAnswer()
    answer.take_headers([(b":status", b"200"), (b"content-type", b"application/grpc+proto")])
    answer.take_headers([("grpc-status", "0")])
    answer.take_body(SERVING)
    answer.judge("")
