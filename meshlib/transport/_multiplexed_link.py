"""
One connection that many exchanges of an event loop use at once, and the end of each.
"""

from __future__ import annotations

from typing import Any

import anyio

from ._link_async import AsyncBoundedStream, AsyncLink, AsyncStack
from ._multiplexed_streams import mend
from ._sdk import Sdk, based
from ._target import Target
from ._waiting import bounded


class MultiplexedLink(AsyncLink):
    """
    A connection to one target, which exchanges share once it is `shared`.

    None of them sets a deadline here: each caps its own timeouts. `exchanges` counts them,
    since httpcore takes a connection for busy for ever when one is cancelled at the wrong
    moment. `doubted` is one on which somebody waited in vain while nothing came at all: it
    may be dead, so it gets no more exchanges, and those that it has may end.
    """

    __slots__ = ("_mended", "_received", "doubted", "exchanges", "heard_at", "proven", "shared")

    def __init__(self, *made: Any) -> None:
        self.doubted = False
        self.exchanges = 0
        self.heard_at = 0.0
        self.proven = False
        self.shared = False
        self._mended = False
        super().__init__(*made)

    @property
    def received(self) -> bool:
        """Whether anything has come since this was last set to False."""
        return self._received

    @received.setter
    def received(self, value: bool) -> None:
        self._received = value
        if value:
            self.heard_at = self.clock()

    async def exchange(self, request: Any, limit: float) -> Any:
        """A response on a shared connection, cut off at *limit*."""
        began = self.clock()
        self._mend()
        pending = self.http.handle_async_request(request)
        try:
            response = await bounded(pending, limit - began, self.core.ReadTimeout)
        except self.core.ReadTimeout:
            self.doubted = self.doubted or self.heard_at < began
            raise
        self._mend()  # it was not connected before
        self.proven = True
        response.stream = SharedBody(response.stream)
        return response

    def _mend(self) -> None:
        if not self._mended:
            self._mended = mend(self.http)

    def bound(self, stream: Any) -> Any:
        """*stream* with every read and write capped by the deadline."""
        return based(MultiplexedStream, self.core.AsyncNetworkStream)(self, stream)

    def may_take_more(self) -> bool:
        """Whether a shared link can carry another exchange beside those that it has."""
        return not self.doubted and bool(self.http.is_available()) and not self.is_outdated()

    def is_spent(self) -> bool:
        """Whether a shared link will never carry another exchange, and carries none now."""
        http = self.http
        if http.is_closed():
            return True
        if self.exchanges:
            return False
        if not http.is_idle() or http.has_expired():
            return True
        return not self.may_take_more() or not self.is_fresh(0.0, None)


class MultiplexedStream(AsyncBoundedStream):
    """A network stream of a shared link: that nothing came in time concerns all exchanges."""

    __slots__ = ()

    _link: MultiplexedLink

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read up to *max_bytes*; empty when the peer has closed."""
        try:
            return await super().read(max_bytes, timeout)
        except self._link.core.ReadTimeout:
            self._link.doubted = True
            raise


class SharedBody:
    """A body on a shared connection; whoever is cancelled in closing it ends its stream first."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __aiter__(self) -> Any:
        return aiter(self._stream)

    async def aclose(self) -> None:
        """End the stream, so that its server stops and the connection stays of use."""
        with anyio.CancelScope(shield=True):  # nothing here waits for an answer
            await self._stream.aclose()


class MultiplexedStack(AsyncStack):
    """The connections to one target in one event loop, shared ones among them."""

    __slots__ = ("shared",)

    def __init__(self, target: Target, loop: object, sdk: Sdk) -> None:
        super().__init__(target, loop, sdk)
        self.shared: list[MultiplexedLink] = []

    def open_count(self) -> int:
        """How many are open and in nobody's hands, but for shared ones."""
        return super().open_count() + len(self.shared)
