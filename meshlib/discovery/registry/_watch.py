"""
A stream of server-sent events to one watcher.
"""

from __future__ import annotations

from dataclasses import dataclass

import anyio
from starlette.types import Receive, Scope, Send

from .._timing import Timing
from ._feed import Feed

_STALLED = 60.0
"""Seconds in which a watcher that takes nothing is given up."""
_REST = 0.05
"""Seconds between two lists, in which further changes gather; 10,000 that register one after
the other would else be 10,000 lists."""
_REST_PER_BYTE = 1e-7
"""Seconds to add for each byte, so that a long list takes 10 MB/s of a watcher at the most."""
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep the events back
]


@dataclass(frozen=True, slots=True)
class WatchResponse:
    """
    The list of *service* and, for as long as the watcher stays, each later one.

    It begins with a comment, since silence may mean that a proxy keeps the answer back,
    and each *keep_alive* seconds without an event there is another one. A list that the
    watcher names by its *cursor* is not repeated. A watcher that takes its time gets the
    newest list when it is ready: nothing queues for it but what its server has buffered.
    """

    feed: Feed
    timing: Timing
    service: str
    cursor: str
    keep_alive: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the watcher goes, stalls, or the registry ends."""
        start = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
        await send(start)
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        async with anyio.create_task_group() as group:
            group.start_soon(_until_gone, receive, group.cancel_scope)
            try:
                await self._stream(send)
            except (OSError, TimeoutError):
                pass  # some servers say by this that the watcher has gone
            group.cancel_scope.cancel()

    async def _stream(self, send: Send) -> None:
        # At once, even with no news: it says that the watch stands.
        await _send(send, b"retry: 1000\n: watching\n\n")
        snapshot = self.feed.now(self.service)
        chunk = b"" if snapshot.cursor == self.cursor else snapshot.event
        while not self.feed.closed:
            if chunk:
                await _send(send, chunk)
                await self.timing.sleep(_REST + _REST_PER_BYTE * len(chunk))
            chunk = b": keep-alive\n\n"
            with anyio.move_on_after(self.keep_alive):
                snapshot = await self.feed.next(self.service, snapshot.cursor)
                chunk = snapshot.event
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, chunk: bytes) -> None:
    with anyio.fail_after(_STALLED):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
