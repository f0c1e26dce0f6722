"""How long those who were rejected should stay away."""

from __future__ import annotations

_WINDOW = 1.0
"""Seconds over which demand is looked at: long enough for a few calls, and soon forgotten."""


class Demand:
    """
    Counts who entered and who was rejected, in windows of a second.

    Who was rejected is served once those before it have been: `wait` is how long the
    entrances of the last second take to work off its rejections, twice as many of them
    taking twice the time. So callers that come back are no more than can be served.
    """

    __slots__ = ("_began", "_entered", "_rejected", "_wait")

    def __init__(self) -> None:
        self._began = 0.0
        self._entered = 0
        self._rejected = 0
        self._wait = 0.0

    def entered(self, now: float) -> None:
        """One more was let in."""
        self._pass_time(now)
        self._entered += 1

    def rejected(self, now: float) -> None:
        """One more was turned away."""
        self._pass_time(now)
        self._rejected += 1

    def wait(self, now: float) -> float:
        """Seconds; the more of the last whole window and of the one that is running."""
        self._pass_time(now)
        return max(self._wait, self._backlog())

    def _pass_time(self, now: float) -> None:
        age = now - self._began
        if 0.0 <= age < _WINDOW:
            return
        self._wait = self._backlog() if 0.0 <= age < 2 * _WINDOW else 0.0
        self._began = now
        self._entered = self._rejected = 0

    def _backlog(self) -> float:
        # With nobody let in there is no rate: as if one had been.
        return self._rejected / max(1, self._entered) * _WINDOW
