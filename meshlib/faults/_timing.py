"""When a rule acts."""

from __future__ import annotations

from .._clock import Clock
from ._options import FaultRule
from ._pattern_options import ScheduleWindow, time_of_day

_DAY = 86_400.0


class Timing:
    """
    The times of a rule, counted from the moment it began.

    Thread-safe: it never changes.
    """

    __slots__ = ("_duration", "_ramp", "_start", "_wall", "_windows")

    def __init__(self, options: FaultRule, wall: Clock) -> None:
        self._start = options.start_after
        self._duration = options.duration
        self._ramp = options.ramp
        self._windows = options.schedule
        self._wall = wall

    def share(self, age: float) -> float | None:
        """
        How much of its percentage a rule has at the *age*, from 0 to 1.

        None while it is not its time.
        """
        age -= self._start
        if age < 0 or (self._duration is not None and age >= self._duration):
            return None
        if self._windows and not any(
            self._within(window, age + self._start) for window in self._windows
        ):
            return None
        return 1.0 if self._ramp is None else min(1.0, age / self._ramp)

    def _within(self, window: ScheduleWindow, age: float) -> bool:
        start, end = window.start, window.end
        if isinstance(start, str) or isinstance(end, str):
            now = self._wall() % _DAY
            opens, closes = time_of_day(str(start)) or 0, time_of_day(str(end)) or 0
            inside = opens <= now < closes
            # The day ends within a window that goes over midnight.
            return inside or (closes < opens and not closes <= now < opens)
        if window.every is not None and age >= start:
            age = start + (age - start) % window.every
        return start <= age < end
