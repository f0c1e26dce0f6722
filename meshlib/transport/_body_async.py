"""
The body of a response, with the permits and the deadline of its call.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

from ._attempt import Attempt
from ._call import Call
from ._rejections import deadline_exceeded, is_late


class AsyncCallStream:
    """
    Ends a call when its body is closed, and no later than its deadline.

    A body that breaks counts as a failure of its endpoint, though its headers were good.
    """

    _closed = False
    _keep: Callable[[bytes], None] | None = None
    """Receives a body that came whole, for a service that falls back to it."""

    def __init__(self, stream: Any, call: Call, attempt: Attempt | None, wire: Any) -> None:
        self._wire = wire
        self._stream = stream
        self._call = call
        self._attempt = attempt

    async def __aiter__(self) -> AsyncIterator[bytes]:
        call = self._call
        clock, deadline, keep = call.clock, call.deadline, self._keep
        kept: list[bytes] = []
        try:
            async for chunk in self._wire.chunks(self._stream, call):
                if clock() >= deadline:
                    raise deadline_exceeded(call, clock())
                yield chunk
                if keep is not None:
                    kept.append(chunk)
            if keep is not None:
                keep(b"".join(kept))
        except Exception as exc:
            call.body_error = type(exc).__name__
            if self._attempt is not None:
                call.body_failed(self._attempt, exc)
            if is_late(call, exc):
                call.body_error = "DeadlineExceededError"
                raise deadline_exceeded(call, call.clock()) from exc
            raise

    def keep(self, keep: Callable[[bytes], None]) -> None:
        """Have *keep* called with the whole body, once it has come."""
        self._keep = keep

    async def aclose(self) -> None:
        """Give back the connection and every permit. Idempotent."""
        if not self._closed:
            self._closed = True
            try:
                await self._stream.aclose()
            finally:
                self._call.close()

    def __del__(self) -> None:
        if not self._closed:
            self._closed = True
            forget = getattr(self._stream, "forget", None)
            if forget is not None:
                forget()
            self._call.close()
            warnings.warn(
                f"a response of {self._call.service.name!r} was dropped without being closed",
                ResourceWarning,
                stacklevel=2,
            )
