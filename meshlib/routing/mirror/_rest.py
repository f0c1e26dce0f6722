"""
When copies are not even tried, because nobody listens where they go.
"""

from __future__ import annotations

_TOLERATED = 3
"""Refusals in a row until a rest begins: an instance that restarts is no reason for one."""
_SHORTEST, _LONGEST = 0.25, 8.0
"""Seconds of the first rest, and of the longest; each is twice the one before."""


class Rest:
    """
    Pauses a mirror whose destination cannot be reached at all.

    A refused connection costs the process as much work as a copy that arrives, in return
    for nothing. So after a few in a row none is tried for a while; then one is. What is
    slow, or answers errors, is no reason: it is what mirrors are made to find.

    Not thread-safe.
    """

    __slots__ = ("_length", "_refused", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self._refused = 0
        self._length = _SHORTEST

    @property
    def in_doubt(self) -> bool:
        """Whether nobody was reached since the last rest: one copy at a time is enough then."""
        return self._refused >= _TOLERATED

    def reached(self) -> None:
        """A connection was made."""
        self._refused = 0
        self._length = _SHORTEST
        self.until = 0.0

    def refused(self, now: float) -> bool:
        """No connection was made; whether a rest begins with that."""
        self._refused += 1
        if self._refused < _TOLERATED or now < self.until:
            return False
        self.until = now + self._length
        self._length = min(self._length * 2.0, _LONGEST)
        return True
