"""
When an event loop stood still: what its ticks, and their absence, tell.

A tick is asked for every so often. One that comes late tells that the loop ran nothing
else either; one that is overdue tells it already, for whoever runs before it.
"""

from __future__ import annotations

from collections import deque

_INFINITE = float("inf")

_KEPT = 64
"""Stalls that are remembered: a minute of a loop that stands still for half of its time."""


class StallLog:
    """
    The stalls of one loop that were longer than *threshold* seconds.

    A stall is taken to begin when the tick was due, so it is told up to one *period* too
    short, never too long. Pure; used by one thread. Instants are those of the caller's clock.
    """

    __slots__ = ("_stalls", "alarm", "due", "ended", "period", "threshold")

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.period = threshold / 2
        """Seconds from one tick to the next."""
        self.due = _INFINITE
        """When the next tick should come; infinite while none is asked for."""
        self.alarm = _INFINITE
        """After this instant a tick that has not come yet tells of a stall."""
        self.ended = -_INFINITE
        """When the last stall ended."""
        self._stalls: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def start(self, now: float) -> None:
        """A tick is asked for, one period after *now*."""
        self.due = now + self.period
        self.alarm = self.due + self.threshold

    def tick(self, now: float) -> float:
        """A tick has come, and none follows before `start`; the seconds of a stall, or 0."""
        begun, alarm = self.due, self.alarm
        self.rest()
        if now <= alarm:
            return 0.0
        self._stalls.append((begun, now))
        self.ended = now
        return now - begun

    def rest(self) -> None:
        """No tick is to come: nothing is known of the loop until `start`."""
        self.due = self.alarm = _INFINITE

    def overlap(self, since: float, until: float) -> float:
        """Seconds from *since* until *until*, which is now, in which the loop stood still."""
        lost = 0.0
        if until > self.alarm:
            lost = until - max(since, self.due)
        for begun, ended in reversed(self._stalls):
            if ended <= since:
                break
            lost += min(ended, until) - max(begun, since)
        return max(lost, 0.0)
