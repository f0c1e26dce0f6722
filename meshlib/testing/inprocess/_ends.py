"""
Waiting at the end of a connection: as a thread, and as a task of any event loop.
"""

from __future__ import annotations

import math
import threading

import anyio.lowlevel

from ..._bell import Bell
from ..._surroundings import Timekeeper, ambient_clock
from ._pipe import LIMIT, End


class _Latch:
    """Wakes one thread. A clock that makes time pass ends the wait itself, as for a mesh."""

    __slots__ = ("_event", "_rung")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._rung = False

    def ring(self) -> None:
        """Let the thread go on."""
        self._rung = True
        self._event.set()

    def wait(self, timeout: float | None) -> None:
        clock = ambient_clock()
        if isinstance(clock, Timekeeper):
            clock.wait(self._event, math.inf if timeout is None else timeout)
        else:
            self._event.wait(timeout)
        if not self._rung:
            raise TimeoutError("timed out")


def read(end: End, size: int = LIMIT, timeout: float | None = None) -> bytes:
    """Up to *size* bytes, empty at the end; raises TimeoutError after *timeout* seconds."""
    data = end.incoming.take(size)
    while data is None:
        latch = _Latch()
        data = end.incoming.take(size, latch)
        if data is None:
            try:
                latch.wait(timeout)
            finally:
                end.incoming.forget(latch)
    return data


def write(end: End, data: bytes, timeout: float | None = None) -> None:
    """Write *data*, waiting for room at most *timeout* seconds each time."""
    rest = memoryview(data)
    while rest:
        latch = _Latch()
        count = end.outgoing.put(rest, latch)
        if not count:
            try:
                latch.wait(timeout)
            finally:
                end.outgoing.forget(latch)
        rest = rest[count:]


async def aread(end: End, size: int = LIMIT) -> bytes:
    """Up to *size* bytes, empty at the end."""
    await anyio.lowlevel.checkpoint()
    data = end.incoming.take(size)
    while data is None:
        bell = Bell()
        data = end.incoming.take(size, bell)
        if data is None:
            try:
                await bell.wait()
            finally:
                end.incoming.forget(bell)
    return data


async def awrite(end: End, data: bytes) -> None:
    """Write *data*, waiting for room."""
    await anyio.lowlevel.checkpoint()
    rest = memoryview(data)
    while rest:
        count = end.outgoing.put(rest)
        if not count:
            bell = Bell()
            count = end.outgoing.put(rest, bell)
            if not count:
                try:
                    await bell.wait()
                finally:
                    end.outgoing.forget(bell)
        rest = rest[count:]
