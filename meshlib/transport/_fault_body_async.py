"""
The body of a response that a fault slows down, cuts off or spoils on its way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from ..faults import Fault
from ._shape import Shape


class AsyncFaultBody:
    """
    Gives the bytes of *stream* as *shape* lets them through, then raises what *failure* makes.

    What *failure* receives is the number of bytes given. Once the fault is called off,
    the rest comes as it is.
    """

    def __init__(
        self,
        injecting: Any,
        call: Any,
        fault: Fault,
        stream: Any,
        shape: Shape,
        failure: Callable[[int], Exception] | None,
        http2: bool,
    ) -> None:
        self._injecting = injecting
        self._call = call
        self._fault = fault
        self._stream = stream
        self._shape = shape
        self._failure = failure
        self._http2 = http2
        self._limit = call.deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        injecting, call, fault, shape = self._injecting, self._call, self._fault, self._shape
        given, stands = 0, True
        chunks = aiter(self._stream)
        async for chunk in chunks:
            stands = stands and call.faults.stands(fault)
            if not stands:
                yield chunk
                continue
            for seconds, piece in shape.pieces(chunk):
                rest = piece
                if stands and seconds:
                    stands = await injecting.dawdle(call, fault, seconds, self._limit)
                room = len(piece) if shape.end is None else shape.end - given
                if stands and room < len(piece):
                    if room:
                        yield piece[:room]
                    stands = await injecting.linger(call, fault, self._limit)
                    if stands:
                        await self._abandon(chunks)
                        if self._failure is None:
                            return
                        raise self._failure(given + room)
                    rest = piece[room:]
                given += len(piece)
                yield rest

    async def _abandon(self, chunks: AsyncIterator[bytes]) -> None:
        """
        Have the endpoint's own body end, as a broken one leaves nothing to read behind.

        A generator that nobody brings to its end is what Trio warns of. One on a connection
        of ours ends as soon as that is closed; over HTTP/2 it would wait for more.
        """
        await self._stream.aclose()
        if self._http2 or not hasattr(self._stream, "forget"):
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()
            return
        try:
            while True:
                await anext(chunks)
        except Exception:
            return  # it has ended, one way or the other

    def hurry(self, instant: float) -> None:
        """End what is left of it by *instant*."""
        self._limit = min(self._limit, instant)
        if hasattr(self._stream, "hurry"):
            self._stream.hurry(instant)

    async def aclose(self) -> None:
        """Close the endpoint's own body."""
        await self._stream.aclose()

    def forget(self) -> None:
        """The response was dropped without being closed."""
        if hasattr(self._stream, "forget"):
            self._stream.forget()
