"""
One request to an ASGI application, served as a server does it.

What the application may send and when, what a failure of it does to the connection, and
when it hears of a client that has left follow uvicorn, byte for byte where bytes are sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio.lowlevel
import h11

from . import _ends
from ._endpoint import ASGIEndpoint
from ._head import scope_of
from ._link import INTERNAL_ERROR, MAX_HEAD, Link, failure_head, logger, reason_of

_CLOSE = (b"connection", b"close")


class ASGIExchange:
    """
    Runs the application of *link* once. `run` is the task of the request, to its end.
    """

    def __init__(self, link: Link, state: dict[str, Any]) -> None:
        self._link = link
        self._end = link.end
        self._endpoint = cast(ASGIEndpoint, link.endpoint)
        self._state = state
        self._scope: anyio.CancelScope | None = None
        self._cancelled = False
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._close_asked = False
        self._head_only = False
        self._more_body = True
        self._cut_off = False
        self._started = False
        self._complete = False
        self._told = False

    @property
    def forsaken(self) -> bool:
        """Whether its client has left before the end, and the application does not know it."""
        return self._end.left and not self._complete and not self._told

    @property
    def _over(self) -> bool:
        return self._complete or self._cut_off or self._end.left

    def cancel(self) -> None:
        """End the application where it is; called on its loop."""
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()

    def left(self) -> None:
        """The client has closed the connection; called on the loop."""
        if self._endpoint.cancel_on_disconnect and not self._complete:
            self.cancel()

    async def run(self) -> None:
        """Serve the request; raises nothing but the cancellation of its loop."""
        try:
            with anyio.CancelScope() as self._scope:
                if self._cancelled:
                    return
                request = await self._request()
                if request is not None:
                    await self._serve(request)
        finally:
            if self._complete:
                # The rest of the request is read by nobody, and must not hold its sender up.
                self._end.incoming.ignore()
                self._end.outgoing.end()
            else:
                self._end.close()

    async def _request(self) -> h11.Request | None:
        """The head of the request; None when the client left, or said what nobody understands."""
        try:
            event = await self._event()
        except h11.RemoteProtocolError:
            await self._write(failure_head(400))
            await self._write(h11.Data(b"Invalid HTTP request received."))
            await self._write(h11.EndOfMessage())
            self._complete = True
            return None
        return event if isinstance(event, h11.Request) else None

    async def _serve(self, request: h11.Request) -> None:
        self._head_only = request.method == b"HEAD"
        self._close_asked = _CLOSE in list(request.headers)
        scope = scope_of(request, self._link, self._state)
        try:
            app: Callable[..., Awaitable[object]] = self._endpoint.app
            result = await app(scope, self._receive, self._send)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as exc:
            if not self._link.failed(exc, answered=self._complete):
                await self._give_up()
        else:
            if result is not None:
                logger.error("the application returned %r instead of None", result)
            elif not self._complete and not self._end.left:
                logger.error("the application returned without completing its response")
                await self._give_up()

    async def _give_up(self) -> None:
        """Answer 500 where that is still possible; else the response stays broken."""
        if not self._started:
            self._started = True
            await self._write(failure_head(500))
            await self._send_body(INTERNAL_ERROR, more=False)

    async def _receive(self) -> dict[str, Any]:
        if self._http.they_are_waiting_for_100_continue:
            await self._write(
                h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            )
        if not self._more_body:
            while not self._over:
                await _ends.aread(self._end)
        body = bytearray()
        while self._more_body and not body and not self._over:
            await self._read_body(body)
        if self._over:
            self._told = True
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": bytes(body), "more_body": self._more_body}

    async def _read_body(self, body: bytearray) -> None:
        """Wait for more of the request, and take all that has arrived."""
        try:
            event = await self._event()
            while isinstance(event, h11.Data):
                body += event.data
                event = self._http.next_event()
        except h11.RemoteProtocolError:
            self._cut_off = True  # the client has left in the middle of its request
            return
        if isinstance(event, h11.EndOfMessage):
            self._more_body = False

    async def _event(self) -> Any:
        event = self._http.next_event()
        while event is h11.NEED_DATA:
            self._http.receive_data(await _ends.aread(self._end))
            event = self._http.next_event()
        return event

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if self._end.left:
            await anyio.lowlevel.checkpoint()
        elif not self._started:
            _expect("http.response.start", kind)
            self._started = True  # what is wrong with it now costs the connection
            status = message["status"]
            headers = list(message.get("headers", ()))
            if self._close_asked and _CLOSE not in headers:
                headers.append(_CLOSE)
            await self._write(
                h11.Response(status_code=status, headers=headers, reason=reason_of(status))
            )
        elif not self._complete:
            _expect("http.response.body", kind)
            await self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"Unexpected message {kind!r}: the response is complete")

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        await self._write(h11.Data(data=b"" if self._head_only else body))
        if not more:
            end = self._http.send(h11.EndOfMessage())
            self._complete = True
            await self._write_bytes(end)
            self._end.incoming.ignore()  # now, and not after background tasks

    async def _write(self, event: Any) -> None:
        await self._write_bytes(self._http.send(event))

    async def _write_bytes(self, data: bytes | None) -> None:
        try:
            await _ends.awrite(self._end, data or b"")
        except BrokenPipeError:
            pass  # the client has left, which the application learns by receiving


def _expect(wanted: str, kind: str) -> None:
    if kind != wanted:
        raise RuntimeError(f"Expected ASGI message {wanted!r}, but got {kind!r}")
