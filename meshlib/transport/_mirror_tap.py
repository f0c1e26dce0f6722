"""
What a call gives to its mirrors: a copy of its request, and the answer it got.

Both are taken as the call goes by. Nothing here waits, and what goes wrong here is nothing
that the call hears of.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Protocol

from .._context import Serving
from ._headers import Triple, triples_of
from ._onward import carry_on
from ._sdk import BYTE_STREAMS

_LOGGER = logging.getLogger("meshlib")
_HOST = b"host"
_ID = b"x-request-id"
_STALE = frozenset(
    {_HOST, b"x-envoy-attempt-count", b"x-envoy-expected-rq-timeout-ms", b"grpc-timeout"}
)
"""Headers that speak of the call itself, or are made anew for the copy."""


class Copied:
    """
    A request as its mirrors may send it.

    *path* and *headers* are as the route changed them, without Host; *host* is the one that
    the caller or the route wants, None for the destination's own. *body* is None when it
    can be sent only once.
    """

    __slots__ = ("body", "headers", "host", "method", "path", "request_id")

    def __init__(self, call: Any) -> None:
        request, routed = call.request, call.routed
        headers = triples_of(request.headers)
        self.method: str = request.method
        self.path: bytes = routed.path
        self.host = _host(call, headers)
        kept = [triple for triple in headers if triple[1] not in _STALE]
        self.headers: list[Triple] = routed.edited(kept)
        if Serving.begun and call.policies.wire_headers:
            self.headers = carry_on(call, self.headers)
        self.request_id = self._identify(call)
        self.body: bytes | None = None
        if type(call.body) in BYTE_STREAMS:
            self.body = b"".join(call.body)  # of one piece, which is not copied
        if call.span is not None:
            self._trace(call)

    def _identify(self, call: Any) -> str:
        """Let the copy have the id that the attempts of the call have."""
        for _, name, value in self.headers:
            if name == _ID:
                return value.decode("latin-1")
        if not call.policies.wire_headers:
            return ""
        if call.request_id is None:
            call.request_id = call.service.request_ids.take()
        made: bytes = call.request_id
        self.headers.append((_ID, _ID, made))
        return made.decode("ascii")

    def _trace(self, call: Any) -> None:
        """Make the server's span a child of the call's, beside those of the attempts."""
        pairs: list[tuple[bytes, bytes]] = []
        call.service.tracing.inject(call.span, pairs)
        injected = {name.lower() for name, _ in pairs}
        self.headers = [triple for triple in self.headers if triple[1] not in injected]
        self.headers.extend((name, name.lower(), value) for name, value in pairs)


def _host(call: Any, headers: Sequence[Triple]) -> bytes | None:
    for _, name, value in headers:
        if name == _HOST and value != call.request.url.netloc:
            return value  # not what the client made of the name of the service
    route = call.routed.route
    authority = None if route is None else route.authority
    return None if authority is None else authority.encode("ascii")


class Awaiting(Protocol):
    """Waits for the answer of the original, to compare it."""

    @property
    def most(self) -> int | None:
        """Bytes of the body, as they come, that are wanted; None: no body."""

    def came(self, status: int, headers: list[Triple], body: bytes | None) -> None:
        """The answer came; *body* is None when none is wanted, or it is too long."""


class Copying(Protocol):
    """One mirror, as a call sees it."""

    def takes(self) -> bool:
        """Draw whether this call is copied. Never waits."""

    def offer(self, copied: Copied) -> Awaiting | None:
        """Take a copy; who waits for the call's own answer, if anybody."""


def fork(call: Any, mirrors: Sequence[Copying]) -> tuple[Awaiting, ...]:
    """Offer a copy of *call* to each of *mirrors*; those who wait for its answer."""
    waiting: list[Awaiting] = []
    try:
        copied: Copied | None = None
        for mirror in mirrors:
            if mirror.takes():
                if copied is None:
                    copied = Copied(call)
                pair = mirror.offer(copied)
                if pair is not None:
                    waiting.append(pair)
    except Exception:
        _LOGGER.exception("a call to %s could not be mirrored", call.service.name)
    return tuple(waiting)


def watch(waiting: Sequence[Awaiting], response: Any) -> None:
    """
    Give *response* to those who wait for it, its body as the application reads it.

    A body that the application does not read to its end is not looked at.
    """
    try:
        status, headers = response.status_code, triples_of(response.headers)
        readers = []
        for pair in waiting:
            if pair.most is None:
                pair.came(status, headers, None)
            elif response.is_closed:
                # In memory and decoded already, whatever its headers say.
                plain = [triple for triple in headers if triple[1] != b"content-encoding"]
                pair.came(status, plain, response.content)
            else:
                readers.append(pair)
        if readers:
            response.stream = Tap(response.stream, readers, status, headers)
    except Exception:
        _LOGGER.exception("a response could not be compared with that of a mirror")


class Tap:
    """
    The body of a response, of which those who wait get a copy once it has come whole.

    Chunks pass as they come. No more is kept than the one wants who wants most.
    """

    def __init__(
        self, stream: Any, waiting: Sequence[Awaiting], status: int, headers: list[Triple]
    ) -> None:
        self._stream = stream
        self._waiting = waiting
        self._status = status
        self._headers = headers
        self._most = max(pair.most or 0 for pair in waiting)
        self._kept: list[bytes] = []
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._keep(chunk)
            yield chunk
        self._ended()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._keep(chunk)
            yield chunk
        self._ended()

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= self._most:
            self._kept.append(chunk)
        elif self._kept:
            self._kept = []

    def _ended(self) -> None:
        waiting, self._waiting = self._waiting, ()
        whole = b"".join(self._kept) if self._size <= self._most else None
        self._kept = []
        for pair in waiting:
            fits = whole is not None and self._size <= (pair.most or 0)
            try:
                pair.came(self._status, self._headers, whole if fits else None)
            except Exception:
                _LOGGER.exception("a body could not be compared with that of a mirror")

    def close(self) -> None:
        """Close the body."""
        self._stream.close()

    async def aclose(self) -> None:
        """Close the body."""
        await self._stream.aclose()

    def forget(self) -> None:
        """An unread response was dropped by its owner."""
        forget = getattr(self._stream, "forget", None)
        if forget is not None:
            forget()
