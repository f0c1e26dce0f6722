"""
When to send a second attempt before the first has ended.

A hedge is an early next attempt: it counts towards `max_attempts` and is paid out of the
same budget as retries. Started after the 95th percentile of latency, it adds at most 5 %
of load (Dean and Barroso, The Tail at Scale).
"""

from __future__ import annotations

from threading import Lock

from ._options import HedgeOptions
from ._quantile import MovingQuantile

# Finagle's BackupRequestFilter looks back 30 s and refreshes its delay every 3 s.
_WINDOW = 15.0
_REFRESH = 3.0

# A 95th percentile says little of fewer: one in twenty is above it.
_MINIMUM = 20


class HedgePolicy:
    """
    Gives the wait before a hedge: fixed, or a quantile of the latency of late.

    A measured delay follows the last 15 to 30 s, is refreshed every 3 s, is at most
    6.25 % above the exact quantile and never below it, so that hedges are rather fewer.
    It is unknown until 20 attempts have been observed.

    Thread-safe.
    """

    __slots__ = ("_delay", "_fixed", "_floor", "_lock", "_quantile", "_refreshed", "max_hedges")

    def __init__(self, options: HedgeOptions) -> None:
        self.max_hedges = options.max_hedges
        self._fixed: float | None = options.delay
        self._floor = options.min_delay
        self._quantile = MovingQuantile(options.quantile, window=_WINDOW, minimum=_MINIMUM)
        self._delay: float | None = None
        self._refreshed = 0.0
        self._lock = Lock()

    def observe(self, elapsed: float, now: float) -> None:
        """
        Count that an attempt took *elapsed* seconds and ended at *now*.

        Tell of the losers of hedges too, with the time they had taken when they were
        cancelled: without them the slowest attempts go missing, the quantile falls, and
        ever more hedges are sent.
        """
        if self._fixed is None:
            with self._lock:
                self._quantile.add(elapsed, now)

    def delay(self, now: float) -> float | None:
        """Give the seconds to wait before the next hedge; None while nothing is known."""
        if self._fixed is not None:
            return self._fixed
        with self._lock:
            # Outside the interval also after the clock stepped back.
            if self._delay is None or not 0.0 <= now - self._refreshed < _REFRESH:
                value = self._quantile.value()
                self._delay = None if value is None else max(value, self._floor)
                self._refreshed = now
            return self._delay

    def renew(self) -> None:
        """Take a new lock in a forked child; what is known of the latency stays true."""
        self._lock = Lock()
