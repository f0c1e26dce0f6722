"""
The connections of an asynchronous transport that speaks HTTP/2: exchanges share them.

Only those of an event loop. httpcore numbers the streams of a connection, and packs their
headers, without a lock around both, so threads that shared one would now and then send one
request as the end of another; each of them has a connection to itself.
"""

from __future__ import annotations

from typing import Any

from ._aim import capped
from ._attempt import Attempt
from ._multiplexed_link import MultiplexedLink, MultiplexedStack
from ._wire_async import AsyncWire
from ._wire_body_async import AsyncWireBody
from ._wire_request import AimedRequest

_OUT_OF_STATE = (" in state ", "Max outbound streams is")
_UNSENT = ("SEND_HEADERS in state", "Max outbound streams is")
"""
What h2 says where an exchange finds that another one has ended their connection, or that the
server has come to allow fewer at once.
"""


class MultiplexedBody(AsyncWireBody):
    """Yields the chunks of a body, whose connection others may be using, too."""

    __slots__ = ()

    def hurry(self, instant: float) -> None:
        """End what is left of it by *instant*; streams of a shared link have their own limits."""
        if not self._link.shared:
            super().hurry(instant)

    async def aclose(self) -> None:
        """End the exchange."""
        try:
            await super().aclose()
        except Exception:
            if not self._link.shared:
                raise
            # httpcore has miscounted its streams: this one would never end.
            await self._wire.drop_shared(self._stack, self._link, broken=True)


class MultiplexedWire(AsyncWire):
    """
    Sends attempts over connections of its own, several at once over each.

    A server that speaks no HTTP/2 gets one at a time over each. Who uses a connection is
    counted here; see `MultiplexedLink`.
    """

    body_kind = MultiplexedBody
    link_kind = MultiplexedLink
    stack_kind = MultiplexedStack

    async def _exchange(self, link: Any, attempt: Attempt, request: AimedRequest) -> Any:
        if not link.shared:
            return await super()._exchange(link, attempt, request)
        attempt.abort = None  # others are on it, too
        return await link.exchange(request, attempt.limit)

    def _request(self, attempt: Attempt, stack: Any) -> Any:
        request = super()._request(attempt, stack)
        # A shared connection has many deadlines, so each exchange caps its own.
        timeouts = request.extensions.get("timeout", {})
        left = attempt.limit - self._clock()
        request.extensions = {**request.extensions, "timeout": capped(timeouts, left)}
        return request

    async def _take(self, stack: Any, fresh_only: bool) -> Any:
        for link in list(stack.shared):
            if link.is_spent():
                await self.drop_shared(stack, link, broken=link.http.is_closed())
            elif link.may_take_more() and link in stack.shared:
                link.exchanges += 1
                return link
        taken: Any = await super()._take(stack, fresh_only)
        if not taken.used and taken.http.is_available():
            taken.shared = True
            taken.exchanges = 1
            stack.shared.append(taken)
        return taken

    async def give_back(self, stack: Any, link: Any) -> None:
        """The exchange on *link* is over, well or badly."""
        if not link.shared:
            await super().give_back(stack, link)
            return
        link.used += 1
        link.exchanges -= 1
        if link.tls is not None:
            await self._close_outdated(stack)
        await self._settle(stack, link, broken=link.http.is_closed())
        self._release()

    async def _discard(self, stack: Any, link: Any, exc: BaseException) -> None:
        if not link.shared:
            await super()._discard(stack, link, exc)
            return
        link.exchanges -= 1
        await self._settle(stack, link, broken=link.http.is_closed() or self._is_wrecked(link, exc))

    async def _settle(self, stack: Any, link: Any, *, broken: bool) -> None:
        """Close a shared connection that is of no use any more; a target that left is drained."""
        left = stack.retired or stack.target.removed
        if broken or left or not link.http.is_idle() or not link.may_take_more():
            await self.drop_shared(stack, link, broken=broken)

    async def drop_shared(self, stack: Any, link: Any, *, broken: bool) -> None:
        """Close *link*, unless somebody uses it and it is not *broken*."""
        if link in stack.shared and (broken or not link.exchanges):
            stack.shared.remove(link)
            if not stack.inherited:  # else it was counted in the parent
                self._count(-1, 0)
            await self._close(link)

    def forget(self, stack: Any, link: Any) -> None:
        """An unread response was dropped by its owner: give back what needs no waiting."""
        if not link.shared:
            super().forget(stack, link)
            return
        link.exchanges -= 1  # its stream never ends, so whoever comes next closes the link
        self._release()

    async def _close_unused(self, stack: Any) -> None:
        await super()._close_unused(stack)
        for link in list(stack.shared):
            await self.drop_shared(stack, link, broken=link.http.is_closed())

    # What comes of sharing

    def _is_stale(self, link: Any, exc: BaseException, call: Any) -> bool:
        """Of a shared one: whether another exchange ended it, and nothing of this was sent."""
        if not link.shared:
            return super()._is_stale(link, exc, call)
        said = str(exc)
        return self.strange(link, exc) is not None and any(part in said for part in _UNSENT)

    def _is_wrecked(self, link: Any, exc: BaseException) -> bool:
        """
        Whether *exc* has left a shared connection in a state that nobody should rely on.

        httpcore counts streams wrongly ever after when it is cut off while it begins one, and
        when it stumbles over its own state.
        """
        if isinstance(exc, self._sdk.core.ConnectionNotAvailable):
            return False
        return not link.proven or self.strange(link, exc) is not None

    def strange(self, link: Any, exc: BaseException) -> Any:
        """
        What to raise for what only happens as a connection is shared; None for other errors.

        One exchange ends it, and the library beneath stumbles over the others.
        """
        if not link.shared or not isinstance(exc, Exception):
            return None
        core = self._sdk.core
        broke = self._sdk.wire_errors[core.RemoteProtocolError]
        if isinstance(exc, core.LocalProtocolError):
            said = str(exc)
            return broke if any(part in said for part in _OUT_OF_STATE) else None
        if type(exc) in self._sdk.wire_errors:
            return None
        step = exc.__traceback__
        while step is not None and step.tb_next is not None:
            step = step.tb_next
        where = "" if step is None else str(step.tb_frame.f_globals.get("__name__"))
        if where.partition(".")[0] not in (core.__name__, "anyio", "h2", "hpack"):
            return None  # it comes from the body of the request
        return broke
