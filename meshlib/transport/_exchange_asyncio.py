"""
Requests and responses on a connection that one exchange at a time has to itself.

httpcore locks its connections, and asks at each step whether somebody traces it: a link
has one owner and, most of the time, nobody who watches. So httpcore makes the connection
and its first exchange, and whatever is out of the ordinary; the others speak to h11, which
httpcore speaks to as well, without a step in between.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import h11

from ._stream_asyncio import Stream

_AT_ONCE = 64 * 1024
"""Bytes that are read at once, and of a body that goes out together with its head."""
_MOST_OF_A_HEAD = 100 * 1024
"""Bytes of a head that are waited for; httpcore has the same limit."""
_DISCONNECTED = "Server disconnected without sending a response."


class Answer:
    """What a link needs to know of a response."""

    __slots__ = ("extensions", "headers", "status", "stream")

    def __init__(self, event: h11.Response, stream: Body, network: Any) -> None:
        self.status = event.status_code
        self.headers = event.headers.raw_items()
        self.stream = stream
        self.extensions = {
            "http_version": b"HTTP/" + event.http_version,
            "reason_phrase": event.reason,
            "network_stream": network,
        }


class Http11:
    """
    A connection of httpcore, *opener*, and what goes over it.

    It has the methods of httpcore's that a link uses. Between two exchanges the socket
    says nothing, so each may be carried out by either.
    """

    def __init__(self, link: Any, opener: Any, bytes_of: type[Any]) -> None:
        self._link = link
        self._core = link.core
        self._opener = opener
        self._bytes_of = bytes_of
        self._logger = logging.getLogger(f"{link.core.__name__}.http11")
        self._state: h11.Connection | None = None
        self._stream: Any = None
        self._network: Any = None
        self._active = False

    async def handle_async_request(self, request: Any) -> Any:
        """The response to *request*, its body unread; raises the errors of httpcore."""
        if not self._is_ordinary(request):
            return await self._opener.handle_async_request(request)
        if self._network is None:
            self._stream = self._link.stream
            self._network = self._link.bound(self._stream)
            self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_OF_A_HEAD)
        self._active = True
        try:
            return await self._exchange(request, self._state)
        except BaseException:
            await self.aclose()
            raise

    def _is_ordinary(self, request: Any) -> bool:
        if type(self._link.stream) is not Stream or not self._opener.is_idle():
            return False
        if "trace" in request.extensions or self._logger.isEnabledFor(logging.DEBUG):
            return False
        if request.method == b"CONNECT":
            return False
        return all(len(name) != 7 or name.lower() != b"upgrade" for name, _ in request.headers)

    async def _exchange(self, request: Any, state: Any) -> Answer:
        timeouts = request.extensions.get("timeout") or {}
        try:
            head = state.send(
                h11.Request(
                    method=request.method, target=request.url.target, headers=request.headers
                )
            )
        except h11.LocalProtocolError as exc:
            raise self._core.LocalProtocolError(str(exc)) from exc
        try:
            await self._send(head, request.stream, timeouts.get("write"))
        except self._core.WriteError:
            pass  # a server may answer and close before it has read everything
        limit = timeouts.get("read")
        while True:
            event = await self.next_event(limit)
            if type(event) is h11.Response:
                return Answer(event, Body(self, limit), self._network)

    async def _send(self, head: bytes, body: Any, timeout: float | None) -> None:
        state: Any = self._state
        if isinstance(body, self._bytes_of):
            content = b"".join(body)
            if content:
                data = state.send(h11.Data(data=content))
                if len(data) <= _AT_ONCE:
                    head += data
                else:
                    await self._write(head, timeout)
                    head = data
            await self._write(head + state.send(h11.EndOfMessage()), timeout)
            return
        await self._write(head, timeout)
        async for chunk in body:
            await self._write(state.send(h11.Data(data=chunk)), timeout)
        await self._write(state.send(h11.EndOfMessage()), timeout)

    async def _write(self, data: bytes, timeout: float | None) -> None:
        if data:
            await self._stream.write(data, self._link.cap(timeout, "WriteTimeout"))

    async def next_event(self, timeout: float | None) -> Any:
        """What comes next of the response."""
        state: Any = self._state
        while True:
            try:
                event = state.next_event()
            except h11.RemoteProtocolError as exc:
                raise self._core.RemoteProtocolError(str(exc)) from exc
            if event is not h11.NEED_DATA:
                return event
            data = await self._stream.read(_AT_ONCE, self._link.cap(timeout, "ReadTimeout"))
            if data:
                self._link.received = True
            elif state.their_state is h11.SEND_RESPONSE:
                raise self._core.RemoteProtocolError(_DISCONNECTED)
            state.receive_data(data)

    async def end(self) -> None:
        """The response is closed: the connection is idle if all of it was read, else it ends."""
        state: Any = self._state
        over = state.our_state is h11.DONE and state.their_state is h11.DONE
        if over and not state.trailing_data[0]:  # else the next answer would be what came unasked
            state.start_next_cycle()
            self._active = False
        else:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._opener.aclose()

    def is_idle(self) -> bool:
        """Whether it can carry another exchange."""
        return not self._active and bool(self._opener.is_idle())

    def is_available(self) -> bool:
        """Whether it can carry another exchange beside those under way."""
        return not self._active and bool(self._opener.is_available())

    def is_closed(self) -> bool:
        """Whether it has carried its last exchange."""
        return bool(self._opener.is_closed())

    def has_expired(self) -> bool:
        """Whether the server has closed it while it was idle."""
        return not self._active and bool(self._opener.has_expired())


class Body:
    """The body of a response; closing it gives the connection back."""

    __slots__ = ("_closed", "_http", "_timeout")

    def __init__(self, http: Http11, timeout: float | None) -> None:
        self._http = http
        self._timeout = timeout
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while True:
                event = await self._http.next_event(self._timeout)
                if type(event) is not h11.Data:
                    return  # its end, or an upgrade that nobody asked for
                yield bytes(event.data)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the exchange."""
        if not self._closed:
            self._closed = True
            await self._http.end()


def lean(link: Any, opener: Any, bytes_of: type[Any]) -> Any:
    """*opener*, with exchanges of our own where it is a plain connection to a server."""
    if type(opener) is link.core.AsyncHTTPConnection:
        return Http11(link, opener, bytes_of)
    return opener
