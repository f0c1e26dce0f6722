"""
A connection in memory: what a socket pair is to a server, without the socket.

Its two ends may live in two threads, in two event loops, or in one. Nothing here waits: who
finds nothing to do leaves a waker, which is rung once when there is something again.
"""

from __future__ import annotations

import threading
from typing import Protocol, Self

LIMIT = 65536
"""Bytes that may be on their way in each direction; asyncio's own high-water mark."""


class Waker(Protocol):
    """Lets whoever waits go on; called from any thread, under no lock."""

    def ring(self) -> None:
        """Let it go on."""


class Channel:
    """
    Bytes in one direction, at most *limit* of them at a time. Thread-safe.

    The writer ends it, after which the reader still gets what is left; the reader drops it,
    after which writing is an error; or the reader ignores it, and what is written vanishes.
    """

    __slots__ = ("_buffer", "_limit", "_lock", "_wakers", "dropped", "ended", "ignored", "on_end")

    def __init__(self, limit: int = LIMIT) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._lock = threading.Lock()
        self._wakers: list[Waker] = []
        self.ended = False
        self.dropped = False
        self.ignored = False
        self.on_end: Waker | None = None
        """Rung when the writer ends, whoever else waits."""

    def take(self, size: int, waker: Waker | None = None) -> bytes | None:
        """Up to *size* bytes, empty at the end; None when *waker* will tell of more."""
        with self._lock:
            if self.ignored or self.dropped:
                return b""
            if not self._buffer:
                if self.ended:
                    return b""
                if waker is not None:
                    self._wakers.append(waker)
                return None
            data = bytes(self._buffer[:size])
            del self._buffer[:size]
            wakers = self._all()
        _ring(wakers)
        return data

    def put(self, data: memoryview, waker: Waker | None = None) -> int:
        """
        How many bytes of *data* found room; 0 when *waker* will tell of room.

        Raises BrokenPipeError when the reader is gone.
        """
        with self._lock:
            if self.dropped or self.ended:
                raise BrokenPipeError(32, "Broken pipe")
            if self.ignored:
                return len(data)
            room = self._limit - len(self._buffer)
            if room <= 0:
                if waker is not None:
                    self._wakers.append(waker)
                return 0
            part = data[:room]
            self._buffer += part
            wakers = self._all()
        _ring(wakers)
        return len(part)

    def end(self) -> None:
        """Write nothing more."""
        self._become("ended")
        if self.on_end is not None:
            self.on_end.ring()

    def drop(self) -> None:
        """Read nothing more, and let the writer know."""
        self._become("dropped")

    def ignore(self) -> None:
        """Read nothing more, and let the writer finish."""
        self._become("ignored")

    def forget(self, waker: Waker) -> None:
        """Do not ring *waker*: nobody waits for it."""
        with self._lock:
            if waker in self._wakers:
                self._wakers.remove(waker)

    def _become(self, state: str) -> None:
        with self._lock:
            setattr(self, state, True)
            if state != "ended":
                self._buffer.clear()
            wakers = self._all()
        _ring(wakers)

    def _all(self) -> list[Waker]:
        # Caller must hold the lock, and ring after releasing it.
        wakers, self._wakers = self._wakers, []
        return wakers


def _ring(wakers: list[Waker]) -> None:
    for waker in wakers:
        waker.ring()


class End:
    """One end of a connection: a channel to read and one to write. Closing twice is fine."""

    __slots__ = ("incoming", "outgoing")

    def __init__(self, incoming: Channel, outgoing: Channel) -> None:
        self.incoming = incoming
        self.outgoing = outgoing

    @classmethod
    def pair(cls) -> tuple[Self, Self]:
        """The two ends of a new connection."""
        one, other = Channel(), Channel()
        return cls(one, other), cls(other, one)

    @property
    def left(self) -> bool:
        """Whether the other end has been closed."""
        return self.outgoing.dropped

    def close(self) -> None:
        """Write and read nothing more; what was written still arrives."""
        self.outgoing.end()
        self.incoming.drop()
