"""
Attempts sent by a transport that is not ours: any httpx transport, respx, a mock.
"""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Generator, Iterable
from typing import Any

import sniffio

from ._aim import aimed_request
from ._attempt import Attempt
from ._sdk import Sdk
from ._target import Target
from ._waiting import RUNNING, bounded, timed
from ._watched import Watched


def is_replaced(method: Any, sdk: Sdk) -> bool:
    """
    Whether a test has put *method* in the place of one of *sdk*'s, as pytest-httpx does.

    What only wraps it, as instrumentation does, bears its name and module.
    """
    return str(getattr(method, "__module__", None)).partition(".")[0] != sdk.name


class ForeignWire:
    """
    Sends attempts with *inner*, a blocking transport.

    Its timeouts are capped by what is left of the attempt; a read already under way is not
    cut off.
    """

    def __init__(self, inner: Any, sdk: Sdk) -> None:
        self.inner = inner
        self._handle = inner.handle_request
        self._sdk = sdk

    def send(self, attempt: Attempt) -> Any:
        """The response to *attempt*, as *inner* gives it."""
        left = attempt.left() if attempt.fault else attempt.limit - attempt.started
        return self._handle(aimed_request(attempt, self._sdk, left))

    def chunks(self, stream: Any, call: Any) -> Iterable[bytes]:
        """The chunks of *stream*; what waits for them cannot be cut off."""
        chunks: Iterable[bytes] = stream
        return chunks

    def check_scheme(self, url: Any) -> None:
        """*inner* may know schemes that nobody else knows."""

    def hurry(self, stream: Any, seconds: float) -> None:
        """*inner* has no other limit than its own."""

    def retire(self, target: Target) -> None:
        """*inner* keeps connections by its own rules."""

    def renew(self) -> None:
        """*inner* is on its own after a fork."""

    def close(self) -> None:
        """Close *inner*."""
        self.inner.close()


class AsyncForeignWire:
    """Sends attempts with *inner*, an asynchronous transport, and cuts it off in time."""

    def __init__(self, inner: Any, sdk: Sdk) -> None:
        self.inner = inner
        self._handle = inner.handle_async_request
        self._sdk = sdk

    @types.coroutine
    def send(self, attempt: Attempt) -> Generator[Any, Any, Any]:
        """The response to *attempt*, as *inner* gives it within the attempt's limit."""
        sdk = self._sdk
        left = attempt.left() if attempt.fault else attempt.limit - attempt.started
        pending = self._handle(aimed_request(attempt, sdk, left))
        if RUNNING.name == "trio":
            return (yield from bounded(pending, left, sdk.timeout_error))
        # The beginning of `bounded`: what does not suspend is not worth another generator.
        try:
            waited = pending.send(None)
        except StopIteration as done:
            return done.value
        return (yield from timed(pending, waited, left, sdk.timeout_error))

    def chunks(self, stream: Any, call: Any) -> AsyncIterator[bytes]:
        """The chunks of *stream*, each within the deadline of *call*."""
        left = call.deadline - call.clock()
        if sniffio.current_async_library() == "trio":
            return _scoped(stream, call, self._sdk.timeout_error)
        return Watched(stream, left, self._sdk.timeout_error)

    def check_scheme(self, url: Any) -> None:
        """*inner* may know schemes that nobody else knows."""

    def hurry(self, stream: Any, seconds: float) -> None:
        """*inner* has no other limit than its own."""

    def retire(self, target: Target) -> None:
        """*inner* keeps connections by its own rules."""

    def renew(self) -> None:
        """*inner* is on its own after a fork."""

    async def aclose(self) -> None:
        """Close *inner*."""
        await self.inner.aclose()


async def _scoped(stream: Any, call: Any, error: type[Exception]) -> AsyncIterator[bytes]:
    # A scope of Trio must not be open while a generator yields.
    chunks = aiter(stream)
    while True:
        try:
            chunk = await bounded(_next(chunks), call.deadline - call.clock(), error)
        except StopAsyncIteration:
            return
        yield chunk


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    # `bounded` takes a coroutine, and what `anext` gives need not be one.
    return await anext(chunks)
