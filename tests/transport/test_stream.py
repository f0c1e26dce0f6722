"""The connection of asyncio, on real sockets: what it reads and writes, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time

import anyio
import httpcore
import pytest

from meshlib.transport._stream_asyncio import Stream
from support.streams import NETWORK, connected, gone, serving
from support.tls import Authority


@pytest.fixture(params=["plain", "tls"])
def authority(request: pytest.FixtureRequest) -> Authority | None:
    """Who signs the server's certificate; None for plain text."""
    return Authority() if request.param == "tls" else None


@pytest.fixture
def anyio_backend() -> str:
    """Streams of asyncio; trio has httpcore's."""
    return "asyncio"


async def read_all(stream: Stream, most: int = 65536) -> bytes:
    """Everything until the end."""
    parts = []
    while part := await stream.read(most, 5.0):
        assert len(part) <= most
        parts.append(part)
    return b"".join(parts)


async def test_bytes_go_both_ways(authority: Authority | None) -> None:
    """A read gives no more than asked for, and nothing is lost between two."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(11))[::-1])

    async with connected(echo, authority) as stream:
        await stream.write(b"hello")
        await stream.write(b"")
        await stream.write(b" world", 5.0)
        assert b"dlrow olleh" == await read_all(stream, 4)
        assert b"" == await stream.read(1)


async def test_long_bodies_hold_both_ends_up(authority: Authority | None) -> None:
    """20 MB each way: what is unread, or unwritten, does not pile up here."""
    size = 20 * 1024 * 1024
    most = 0

    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert size == len(await reader.readexactly(size))
        for _ in range(size // 65536):
            writer.write(b"x" * 65536)
            await writer.drain()

    async with connected(both, authority) as stream:
        await stream.write(b"y" * size, 20.0)
        came = 0
        while came < size:
            came += len(await stream.read(65536, 5.0))
            most = max(most, stream._size)
            if came % (1 << 20) < 65536:
                await asyncio.sleep(0)
        assert size == came
    assert most < 1024 * 1024


async def test_read_times_out_and_goes_on(authority: Authority | None) -> None:
    """One timer serves every wait, also one that ends sooner than the timer of the last."""
    let = asyncio.Event()

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let.wait()
        writer.write(b"x")

    async with connected(late, authority) as stream:
        for seconds in (0.02, 0.0):
            with pytest.raises(httpcore.ReadTimeout):
                await stream.read(1, seconds)
        waiting = asyncio.ensure_future(stream.read(1, 30.0))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        began = time.monotonic()
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(1, 0.02)
        assert time.monotonic() - began < 10.0
        let.set()
        assert b"x" == await stream.read(1, 5.0)


async def test_waits_of_one_timer() -> None:
    """A wait that is over leaves its timer to the next one, which ends at its own time."""
    async with connected(gone) as stream:
        waiting = asyncio.ensure_future(stream.read(1, 0.03))
        await asyncio.sleep(0)
        first = stream._timer
        waiting.cancel()
        await asyncio.wait([waiting])
        began = time.monotonic()
        waiting = asyncio.ensure_future(stream.read(1, 0.1))
        await asyncio.sleep(0)
        assert first is stream._timer
        with pytest.raises(httpcore.ReadTimeout):
            await waiting
        assert time.monotonic() - began >= 0.099


async def test_write_times_out() -> None:
    """A peer that does not read is late in the end."""
    let = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # typeshed: WriteTransport
        await let.wait()

    async with connected(never) as stream:
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(b"x" * 64 * 1024 * 1024, 0.1)
        let.set()


async def test_peer_ends(authority: Authority | None) -> None:
    """What came before is read, then nothing; the connection is seen to be of no more use."""

    async def last(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")

    async with connected(last, authority) as stream:
        assert b"bye" == await read_all(stream)
        assert stream.get_extra_info("is_readable")
        assert -1 == stream.fileno()
        await stream.write(b"x")  # the kernel would not tell yet either
        assert b"" == await stream.read(1)


async def test_peer_resets() -> None:
    """A reset is an error of reading, and then of writing, with its cause."""
    reset = asyncio.Event()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await reset.wait()

    async with connected(rude) as stream:
        reset.set()
        with pytest.raises(httpcore.ReadError) as caught:
            await stream.read(1, 5.0)
        broken = caught.value.__cause__
        assert isinstance(broken, anyio.BrokenResourceError)
        assert isinstance(broken.__cause__, ConnectionResetError)
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"x")


async def test_unread_bytes_are_seen() -> None:
    """An idle connection that says something is of no use, whether its bytes were taken yet."""
    said = asyncio.Event()

    async def unasked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        said.set()
        await reader.read()

    async with connected(unasked) as stream:
        assert not stream.get_extra_info("is_readable")
        assert stream.fileno() > 0
        await stream.write(b"x")
        await said.wait()
        assert await stream.read(1, 5.0)
        assert stream.get_extra_info("is_readable")


async def test_closed_stream() -> None:
    """Neither end can use it, and closing it again does nothing."""
    ended = asyncio.Event()

    async def until_gone(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        assert b"" == await reader.read()
        ended.set()

    async with connected(until_gone) as stream:
        await stream.aclose()
        await stream.aclose()
        await ended.wait()
        with pytest.raises(httpcore.ReadError):
            await stream.read(1)
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"x")


async def test_names_of_a_socket(authority: Authority | None) -> None:
    """httpcore's words for what asyncio knows."""
    async with connected(gone, authority) as stream:
        sock = stream.get_extra_info("socket")
        assert sock.getsockname() == stream.get_extra_info("client_addr")
        assert sock.getpeername() == stream.get_extra_info("server_addr")
        assert (authority is None) == (stream.get_extra_info("ssl_object") is None)
        assert stream.get_extra_info("of no interest") is None
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_handshake_fails() -> None:
    """A certificate that nobody trusts is a failure to connect, and the socket is closed."""
    authority = Authority()

    async def greet(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with connected(greet) as plain:
        with pytest.raises(httpcore.ConnectTimeout):
            await plain.start_tls(authority.trust(), "127.0.0.1", 0.05)
    async with serving(greet, ssl=authority.server("other")) as port:
        stream = await NETWORK.connect_tcp("127.0.0.1", port)
        with pytest.raises(httpcore.ConnectError, match="certificate verify failed") as caught:
            await stream.start_tls(authority.trust(), "127.0.0.1", 5.0)
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"x")


async def test_peer_ends_in_the_handshake() -> None:
    """It has closed without a word of TLS."""

    async def rude(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with connected(rude) as stream:
        with pytest.raises(httpcore.ConnectError):
            await stream.start_tls(Authority().trust(), "127.0.0.1", 5.0)


async def test_tls_within_tls() -> None:
    """As through a proxy that is spoken to in TLS itself."""
    outer, inner = Authority(), Authority()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(inner.server("127.0.0.1"))
        writer.write(b"within")
        await writer.drain()
        await reader.read()

    async with connected(tunnel, outer) as stream:
        within = await stream.start_tls(inner.trust(), "127.0.0.1", 5.0)
        assert b"within" == await within.read(6, 5.0)
        await within.aclose()
