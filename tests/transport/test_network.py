"""How asyncio gets to a connection: by address, by name, by path."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import pytest

from meshlib.transport._network_asyncio import Network, first_of, in_turn, literal, network_of
from support.streams import NETWORK, gone, serving


@pytest.fixture
def anyio_backend() -> str:
    """Streams of asyncio; trio has httpcore's."""
    return "asyncio"


async def test_unix_socket(tmp_path: Path) -> None:
    """Connects by path; a path without a server is a failure to connect."""
    path = str(tmp_path / "socket")

    async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(hello, path):
        stream = await NETWORK.connect_unix_socket(path, 5.0)
        assert b"hello" == await stream.read(5)
        await stream.aclose()
    with pytest.raises(httpcore.ConnectError, match="No such file"):
        await NETWORK.connect_unix_socket(str(tmp_path / "none"))


async def test_options_and_addresses_of_a_socket() -> None:
    """A local address is bound, and options are set."""
    async with serving(gone) as port:
        stream = await NETWORK.connect_tcp(
            "127.0.0.1",
            port,
            local_address="127.0.0.2",
            socket_options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
        )
        assert "127.0.0.2" == stream.get_extra_info("client_addr")[0]
        sock = stream.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await stream.aclose()


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a name these addresses, in the running loop."""

    def give(*addresses: tuple[str, int]) -> None:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)
            for address in addresses
        ]

        async def look_up(*_: Any, **__: Any) -> Any:
            return found

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)

    return give


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address that does not answer: the queue of its listener is full."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()


@pytest.fixture
def refusing() -> Iterator[tuple[str, int]]:
    """An address where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()


async def test_next_address_of_a_name(
    named: Any, silent: Any, refusing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that refuses is followed at once, and one that is slow after a moment."""
    monkeypatch.setattr("meshlib.transport._network_asyncio._NEXT_ADDRESS", 0.01)
    async with serving(gone) as port:
        named(refusing, silent, ("127.0.0.1", port))
        stream = await NETWORK.connect_tcp("three.example", port, 5.0)
        assert ("127.0.0.1", port) == stream.get_extra_info("server_addr")
        assert stream.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await stream.aclose()


async def test_first_address_is_enough(named: Any, refusing: Any) -> None:
    """The others are not tried."""
    async with serving(gone) as port:
        named(("127.0.0.1", port), refusing)
        stream = await NETWORK.connect_tcp("two.example", port, 5.0)
        await stream.aclose()


async def test_no_address_of_a_name(named: Any, refusing: Any) -> None:
    """Each failure is told."""
    named(refusing, ("127.0.0.2", refusing[1]))
    with pytest.raises(httpcore.ConnectError, match="All connection attempts failed") as caught:
        await NETWORK.connect_tcp("two.example", 80, 5.0)
    failed = caught.value.__cause__
    assert isinstance(failed, OSError)
    assert isinstance(failed.__cause__, ExceptionGroup)
    assert 2 == len(failed.__cause__.exceptions)


async def test_unknown_name() -> None:
    """The resolver's error is the cause."""
    with pytest.raises(httpcore.ConnectError) as caught:
        await NETWORK.connect_tcp("no address", 80, 5.0)
    assert isinstance(caught.value.__cause__, socket.gaierror)


async def test_error_of_another_kind_ends_the_race(named: Any) -> None:
    """What is wrong with an argument is wrong for every address."""
    named(("127.0.0.1", 1 << 20), ("127.0.0.1", 1 << 20))
    with pytest.raises(OverflowError):
        await NETWORK.connect_tcp("two.example", 80, 5.0)


@pytest.mark.parametrize("count", [1, 2])
async def test_connecting_takes_too_long(count: int, named: Any, silent: Any) -> None:
    """Nothing stays open of what was begun."""
    named(*[silent] * count)
    with pytest.raises(httpcore.ConnectTimeout):
        await NETWORK.connect_tcp("slow.example", 80, 0.02)


async def test_race_is_cancelled_as_it_is_won() -> None:
    """A socket that nobody is there to take any more is closed."""
    made = socket.socket()
    won = asyncio.Event()

    async def win() -> socket.socket:
        won.set()
        return made

    async def lose() -> socket.socket:
        raise AssertionError("not begun")

    race = asyncio.ensure_future(first_of([win(), lose()]))
    await won.wait()
    race.cancel()
    with pytest.raises(asyncio.CancelledError):
        await race
    for _ in range(3):
        await asyncio.sleep(0)
    assert -1 == made.fileno()


def test_addresses_take_turns() -> None:
    """IPv6 comes first, and neither family waits for all of the other."""
    four, six = socket.AF_INET, socket.AF_INET6
    assert [(six, 1), (four, 2), (six, 3), (four, 4), (four, 5)] == in_turn(
        [(four, 2), (four, 4), (four, 5), (six, 1), (six, 3)]
    )


def test_addresses_that_need_no_resolver() -> None:
    """Those of both families; a name is none."""
    assert (socket.AF_INET, ("10.0.0.1", 80)) == literal("10.0.0.1", 80)
    assert (socket.AF_INET6, ("::1", 80)) == literal("::1", 80)
    assert literal("users", 80) is None


def test_network_of_the_loop() -> None:
    """Outside asyncio it is httpcore's own."""
    assert isinstance(network_of(httpcore), httpcore.AnyIOBackend)

    async def within() -> Any:
        return network_of(httpcore)

    assert isinstance(asyncio.run(within()), Network)
