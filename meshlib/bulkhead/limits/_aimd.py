"""Additive increase, multiplicative decrease."""

from __future__ import annotations

from ._options import AIMDOptions

_DEFAULTS = AIMDOptions()


class AIMDLimit:
    """
    One more while all goes well, a tenth less when something is dropped.

    Netflix concurrency-limits, `AIMDLimit`: a drop, or an answer slower than *timeout*,
    leaves *backoff_ratio* of the limit; any other answer adds 1 if at least half of the
    limit was in flight. It sees overload only once calls time out.
    """

    __slots__ = ("_backoff", "_max", "_min", "_timeout", "limit")
    idle = False

    def __init__(self, options: AIMDOptions = _DEFAULTS) -> None:
        self._min = options.min
        self._max = options.max
        self._backoff = options.backoff_ratio
        self._timeout = options.timeout
        self.limit = self._within(options.initial)

    def sample(self, now: float, rtt: float, in_flight: int, dropped: bool) -> None:
        """See `Limit.sample`."""
        if dropped or rtt > self._timeout:
            self.limit = self._within(int(self.limit * self._backoff))
        elif in_flight * 2 >= self.limit:
            self.limit = self._within(self.limit + 1)

    def renew(self) -> None:
        """Nothing is half done here."""

    def _within(self, limit: int) -> int:
        return min(self._max, max(self._min, limit))
