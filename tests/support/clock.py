"""Time that passes only when a test says so."""

from __future__ import annotations

import threading

import anyio.lowlevel


class FakeClock:
    """
    A clock for `clock=`, whose `sleep` and `asleep` fit `sleep=`: they advance it.

    `slept` lists, in order, the seconds that either was asked for. Thread-safe.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self._lock = threading.Lock()
        self._now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        """The instant, in seconds."""
        return self._now

    def __repr__(self) -> str:
        return f"FakeClock({self._now!r})"

    def advance(self, seconds: float) -> float:
        """Let *seconds* pass, or go back when negative; returns the new instant."""
        with self._lock:
            self._now += seconds
            return self._now

    def sleep(self, seconds: float) -> None:
        """Record *seconds* and let them pass."""
        with self._lock:
            self.slept.append(seconds)
            self._now += max(seconds, 0.0)

    async def asleep(self, seconds: float) -> None:
        """Record *seconds* and let them pass; a checkpoint, as each real sleep is."""
        self.sleep(seconds)
        await anyio.lowlevel.checkpoint()
