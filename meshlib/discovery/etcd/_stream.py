"""
The messages of one watch.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import anyio
import httpx

from ._errors import (
    PERMISSION_DENIED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNIMPLEMENTED,
    RefusedError,
    refusal,
)
from ._wire import Lines, mapping, parse


class Stream:
    """
    A streaming *response*, of which each line is a message; it is closed by `async with`.

    `first` is what came with the confirmation of the watch.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._chunks = aiter(response.aiter_raw())
        self._lines = Lines()
        self._refused: RefusedError | None = None
        self.first: list[dict[str, Any]] = []

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def receive(self) -> list[dict[str, Any]] | None:
        """
        All messages that have arrived, after waiting for one; None when no more will come.

        Raises RefusedError for a message that tells an error, once those before it have
        been returned, and what httpx raises.
        """
        if self._refused is not None:
            raise self._refused
        while True:
            try:
                chunk = await anext(self._chunks)
            except StopAsyncIteration:
                return None
            lines = self._lines.feed(chunk)
            if lines:
                return self._messages(lines)

    def _messages(self, lines: list[bytes]) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        for line in lines:
            try:
                messages.append(_unwrapped(parse(line)))
            except RefusedError as exc:
                if not messages:
                    raise
                self._refused = exc
                break
        return messages

    async def aclose(self) -> None:
        """Give the connection up. Idempotent."""
        # Cancelling its read ends the generators of httpx from the innermost one outwards;
        # closing the outermost would leave the others to the garbage collector.
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                while True:  # what has arrived comes first
                    await anext(self._chunks)
            except (StopAsyncIteration, httpx.HTTPError, httpx.StreamError, OSError):
                pass
        with anyio.CancelScope(shield=True):
            await self._response.aclose()


def _unwrapped(document: Any) -> dict[str, Any]:
    """The message in *document*, which must not tell that the watch is over."""
    document = mapping(document, "a message")
    if "error" in document:
        raise refusal(200, document)
    message = mapping(document.get("result"), "a result")
    if message.get("canceled") and not message.get("compact_revision"):
        raise _cancellation(str(message.get("cancel_reason") or "no reason was given"))
    return message


# The reason is that of gRPC, "rpc error: code = PermissionDenied desc = etcdserver:
# permission denied", or but the end of it in older versions.
_CODES = {
    "no leader": UNAVAILABLE,
    "Unavailable": UNAVAILABLE,
    "Unauthenticated": UNAUTHENTICATED,
    "ermission": PERMISSION_DENIED,
}


def _cancellation(reason: str) -> RefusedError:
    """The error for a watch that etcd has cancelled; the code is within the text."""
    code = next((code for text, code in _CODES.items() if text in reason), UNIMPLEMENTED)
    return RefusedError(code, reason)
