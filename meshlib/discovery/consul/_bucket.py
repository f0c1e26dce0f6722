"""
How often an agent is asked.
"""

from __future__ import annotations


class Bucket:
    """
    Lets *burst* queries through at once, and later one every *interval* seconds.

    The documentation of blocking queries asks for it: a first change is to be seen without
    delay, while one that never ends must not make a busy loop. The bucket is kept as the
    instant at which it will be full again.
    """

    __slots__ = ("_full", "_interval", "_room")

    def __init__(self, interval: float, burst: int) -> None:
        self._interval = interval
        self._room = interval * (burst - 1)
        self._full = float("-inf")

    def take(self, now: float) -> float:
        """Take a turn; the seconds to wait for it."""
        full = max(self._full, now)
        self._full = full + self._interval
        return max(0.0, full - self._room - now)
