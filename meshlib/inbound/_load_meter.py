"""
How loaded this process is: requests that it serves now, and how long such requests take.
"""

from __future__ import annotations

import threading
from collections import deque

_RECENT = 16
"""Latencies kept of each level of load; the median of so many costs a microsecond."""

_EXACT = 16
"""Up to so many requests at once each number is a level; above, four levels an octave."""


def level_of(rif: int) -> int:
    """The level of load at which a process serves *rif* requests."""
    if rif < _EXACT:
        return rif
    bits = rif.bit_length()
    return (bits << 2) + ((rif >> (bits - 3)) & 3) - 4


class LoadMeter:
    """
    Counts requests in flight, and remembers latencies by how many were in flight before.

    What is reported is the median of recent latencies at the load of this moment, as in
    Prequal: what a request that comes now may expect. Thread-safe.
    """

    __slots__ = ("_levels", "_lock", "in_flight")

    def __init__(self, in_flight: int = 0) -> None:
        self.in_flight = in_flight
        self._levels: dict[int, deque[float]] = {}
        self._lock = threading.Lock()

    def begin(self) -> int:
        """A request has come; returns how many there were, for `end`."""
        with self._lock:
            met = self.in_flight
            self.in_flight = met + 1
        return met

    def end(self, met: int, elapsed: float | None) -> None:
        """A request that met so many others ended after *elapsed* seconds; None says nothing."""
        with self._lock:
            self.in_flight -= 1
            if elapsed is not None:
                level = level_of(met)
                recent = self._levels.get(level)
                if recent is None:
                    recent = self._levels[level] = deque(maxlen=_RECENT)
                recent.append(elapsed)

    def report(self, *, without: int = 0) -> tuple[int, float]:
        """
        Requests in flight, *without* some, and the seconds such requests take.

        0 seconds while nothing has been measured.
        """
        with self._lock:
            rif = max(self.in_flight - without, 0)
            level = level_of(rif)
            recent = self._levels.get(level)
            if recent is None:
                if not self._levels:
                    return rif, 0.0
                nearest = min(self._levels, key=lambda other: abs(other - level))
                recent = self._levels[nearest]
            return rif, sorted(recent)[len(recent) // 2]

    def header(self, *, without: int = 0) -> bytes:
        """The report as the value of `x-mesh-load`."""
        rif, latency = self.report(without=without)
        if latency <= 0.0:
            return b"rif=%d" % rif
        return b"rif=%d,latency=%.6f" % (rif, latency)

    def renew(self) -> None:
        """A forked child starts with no request in flight."""
        self._lock = threading.Lock()
        self.in_flight = 0
