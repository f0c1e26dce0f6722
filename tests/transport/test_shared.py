"""Connections that many exchanges share, when one of them is cut off or stumbles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import h2.exceptions
import httpcore
import httpx
import pytest

from meshlib.transport import _multiplexed_streams
from meshlib.transport._multiplexed_link import SharedBody
from meshlib.transport._multiplexed_streams import mend
from meshlib.transport._waiting import AsyncWaiter
from support.wires import Wired

HTTP2: dict[str, Any] = {"http1": False, "http2": True}


class Shared:
    """A shared connection of a wire, as far as the wire looks at it."""

    def __init__(
        self, stack: Any, *, idle: bool = True, proven: bool = True, exchanges: int = 2
    ) -> None:
        self.shared = True
        self.exchanges = exchanges
        self.proven = proven
        self.idle = idle
        self.http = self
        self.closed = self.used = 0
        self.target, self.tls, self.context = stack.target, None, None
        stack.shared.append(self)

    def is_closed(self) -> bool:
        """Nobody has closed it."""
        return False

    def is_idle(self) -> bool:
        """Whether httpcore believes that it carries nothing."""
        return self.idle

    def may_take_more(self) -> bool:
        """It may."""
        return True

    async def aclose(self) -> None:
        """Count it."""
        self.closed += 1


def placed(wired: Wired, **about: Any) -> tuple[Any, Shared]:
    """A stack of *wired*, and its only connection."""
    (target,) = wired.service.targets
    stack = wired.wire._new_stack(target, AsyncWaiter.loop(), 0.0)
    wired.wire._count(1, 0)
    return stack, Shared(stack, **about)


@pytest.fixture
def kind() -> str:
    """Threads share nothing."""
    return "async"


async def discarded(
    wired: Wired, exc: BaseException, *, left: bool = False, **about: Any
) -> tuple[int, int]:
    """How often a connection was closed on which *exc* came, and how many are counted then."""
    stack, link = placed(wired, **about)
    if left:
        wired.wire.retire(stack.target)
    for _ in range(2):  # two of its exchanges end so
        await wired.wire._discard(stack, link, exc)
    return link.closed, wired.counts[0]


TIMEOUT = httpcore.ReadTimeout()


@pytest.mark.parametrize(
    ("exc", "about", "closed"),
    [
        (TIMEOUT, {}, False),
        (TIMEOUT, {"proven": False}, True),
        (TIMEOUT, {"proven": False, "exchanges": 3}, True),
        (TIMEOUT, {"idle": False}, True),
        (TIMEOUT, {"idle": False, "exchanges": 3}, False),
        (KeyboardInterrupt(), {}, False),
        (KeyboardInterrupt(), {"proven": False}, True),
        (httpcore.ConnectionNotAvailable(), {"proven": False}, False),
        (TIMEOUT, {"left": True, "exchanges": 3}, False),
        (TIMEOUT, {"left": True}, True),
    ],
    ids=repr,
)
async def test_a_shared_connection_is_closed_once_when_it_is_of_no_use(
    wired: Callable[..., Wired], exc: BaseException, about: dict[str, Any], closed: bool
) -> None:
    """
    It was cut off while it began, or nobody is left on it and its target is gone.

    Or httpcore takes it for busy, though two of two exchanges are over.
    """
    user = wired("http://127.0.0.1:1", options=HTTP2)
    assert await discarded(user, exc, **about) == ((1, 0) if closed else (0, 1))


@pytest.mark.parametrize("exchanges", [1, 2])
async def test_a_connection_that_is_wrongly_busy_is_closed_with_the_last_body(
    wired: Callable[..., Wired], exchanges: int
) -> None:
    """Such as by an exchange that was cancelled before its stream began."""
    user = wired("http://127.0.0.1:1", options=HTTP2)
    stack, link = placed(user, idle=False, exchanges=exchanges)
    await user.wire._body(user.wire, stack, link, httpx.ByteStream(b""), user.wire._sdk).aclose()
    assert (link.closed, user.counts[0]) == ((1, 0) if exchanges == 1 else (0, 1))


async def test_a_child_does_not_count_what_its_parent_had_open(wired: Callable[..., Wired]) -> None:
    """A response of the time before the fork may be closed in the child, too."""
    user = wired("http://127.0.0.1:1", options=HTTP2)
    stack, link = placed(user, exchanges=1)
    user.wire.renew()
    await user.wire._body(user.wire, stack, link, httpx.ByteStream(b""), user.wire._sdk).aclose()
    assert user.counts == (0, 0)


def stumble(name: str, error: Exception) -> Exception:
    """*error*, as raised by the module *name*."""
    scope: dict[str, Any] = {"__name__": name, "error": error}
    try:
        exec("raise error", scope)
    except Exception as exc:
        return exc
    raise AssertionError


STATE = "Invalid input ConnectionInputs.SEND_HEADERS in state ConnectionState.CLOSED"


@pytest.mark.parametrize(
    ("error", "strange", "unsent"),
    [
        (stumble("anyio._core", ValueError("released too many times")), True, False),
        (stumble("httpcore._sync.http2", KeyError(5)), True, False),
        (stumble("shop.upload", ValueError("no such file")), False, False),
        (httpcore.LocalProtocolError(h2.exceptions.ProtocolError(STATE)), True, True),
        (httpcore.LocalProtocolError(STATE.replace("SEND_HEADERS", "RECV_DATA")), True, False),
        (httpcore.LocalProtocolError("Max outbound streams is 0, 0 open"), True, True),
        (httpcore.LocalProtocolError("Illegal header value"), False, False),
        (httpcore.ReadTimeout(), False, False),
    ],
    ids=repr,
)
async def test_what_comes_of_sharing_is_an_error_of_the_connection(
    error: Exception, strange: bool, unsent: bool
) -> None:
    """It may be tried again, at once when nothing was sent; other errors are what they are."""
    wired = Wired("async", "http://127.0.0.1:1", options=HTTP2)
    link = SimpleNamespace(shared=True, proven=True, received=False, used=1)
    assert (wired.wire.strange(link, error) is httpx.RemoteProtocolError) is strange
    assert wired.wire._is_wrecked(link, error) is strange
    assert wired.wire._is_stale(link, error, None) is unsent
    alone = SimpleNamespace(shared=False, proven=False, received=False, used=0)
    assert wired.wire.strange(alone, error) is None
    await wired.close()


async def test_a_connection_that_has_never_answered_is_given_up() -> None:
    """Unless it only had no room, or another protocol than was thought."""
    wired = Wired("async", "http://127.0.0.1:1", options=HTTP2)
    link = SimpleNamespace(shared=True, proven=False)
    assert wired.wire._is_wrecked(link, KeyboardInterrupt())
    assert wired.wire._is_wrecked(link, httpcore.ReadTimeout())
    assert not wired.wire._is_wrecked(link, httpcore.ConnectionNotAvailable())
    await wired.close()


class Miscounted(httpx.AsyncByteStream):
    """A body whose end finds that httpcore has counted its streams wrongly."""

    async def aclose(self) -> None:
        """Fail as its semaphore does."""
        raise ValueError("semaphore released too many times")


async def test_a_body_whose_stream_cannot_end_takes_its_connection_along(
    wired: Callable[..., Wired],
) -> None:
    """Whoever closes it is told nothing, and nobody gets the connection again."""
    user = wired("http://127.0.0.1:1", options=HTTP2)
    stack, link = placed(user)
    body = user.wire._body(user.wire, stack, link, Miscounted(), user.wire._sdk)
    await body.aclose()
    assert (link.closed, user.counts[0], stack.shared) == (1, 0, [])


async def test_the_error_of_a_body_that_ends_a_connection_of_its_own_is_told(
    wired: Callable[..., Wired],
) -> None:
    """It is closed all the same."""
    user = wired("http://127.0.0.1:1", options=HTTP2)
    stack, link = placed(user, idle=False)
    link.shared = False
    body = user.wire._body(user.wire, stack, link, Miscounted(), user.wire._sdk)
    with pytest.raises(ValueError, match="released too many times"):
        await body.aclose()
    assert (link.closed, user.counts[0]) == (1, 0)


async def test_a_stream_is_ended_by_whoever_is_cancelled_in_it() -> None:
    """Else it would count as open for as long as its connection lives."""
    ended: list[str] = []

    class Slow:
        async def aclose(self) -> None:
            ended.append("begun")
            await anyio.lowlevel.checkpoint()
            ended.append("ended")

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"x"

    body = SharedBody(Slow())
    assert [b"x"] == [chunk async for chunk in body]
    with anyio.CancelScope() as scope:
        scope.cancel()
        await body.aclose()
    assert ["begun", "ended"] == ended


class Connection:
    """A connection of httpcore whose reads time out, as far as it is mended."""

    def __init__(self, broken: Exception | None) -> None:
        self.reset: list[int] = []
        streams = {5: SimpleNamespace(closed=False)}
        self._h2_state = SimpleNamespace(
            streams=streams, reset_stream=lambda stream, code: self.reset.append(stream)
        )
        self._events: dict[int, list[Any]] = {5: []}
        self._read_exception: Exception | None = None
        self._write_exception = broken
        self._connection_error = broken is not None

    async def _read_incoming_data(self, request: Any) -> Any:
        self._read_exception = httpcore.ReadTimeout()
        self._connection_error = True
        raise self._read_exception

    async def _response_closed(self, stream_id: int) -> None:
        del self._events[stream_id]

    async def _write_outgoing_data(self, request: Any) -> None:
        await anyio.sleep_forever()

    def is_available(self) -> bool:
        """Whether it takes exchanges."""
        return not self._connection_error


@pytest.mark.parametrize("broken", [None, httpcore.WriteTimeout()], ids=repr)
async def test_a_read_that_times_out_leaves_a_connection_as_it_was(
    broken: Exception | None,
) -> None:
    """One whose write broke off stays unfit: half a frame has gone out."""
    connection: Any = Connection(broken)
    assert mend(SimpleNamespace(_connection=connection))
    with pytest.raises(httpcore.ReadTimeout):
        await connection._read_incoming_data(None)
    assert (connection._read_exception, connection._connection_error) == (None, broken is not None)
    assert not mend(SimpleNamespace(_connection=None))


async def test_nobody_waits_long_for_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection on which nothing can be written gets no more exchanges; its own may go on."""
    monkeypatch.setattr(_multiplexed_streams, "PATIENCE", 0.0)
    connection: Any = Connection(None)
    assert mend(SimpleNamespace(_connection=connection))
    await connection._response_closed(5)
    assert [5] == connection.reset
    assert not connection.is_available()
    assert connection._write_exception is None
