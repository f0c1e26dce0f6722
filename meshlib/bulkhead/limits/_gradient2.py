"""Short latency against long latency."""

from __future__ import annotations

from ._average import Average
from ._limit import is_duration
from ._options import Gradient2Options

_DEFAULTS = Gradient2Options()

_LEAST_GRADIENT = 0.5
"""A limit is not halved by more than this at once, so that an outlier is not overload."""
_DRIFT = 2.0
"""How far the long average may be above the short one before it is pulled down."""
_PULL = 0.95


class Gradient2Limit:
    """
    Grows while latency stays near its long average, and shrinks while it is above.

    Netflix concurrency-limits, `Gradient2Limit`: `gradient = tolerance x long / short`
    between 0.5 and 1; the estimate `limit x gradient + queue_size` is taken over by
    *smoothing*. The limit stays where it is while less than half of it is in flight: what
    nobody uses is not proven. When load ends the long average is still high; it loses a
    twentieth a sample until it is no more than twice the short one.

    A drop, which Netflix's ignores, is the slowest answer of all: the gradient is 0.5 and
    nothing is added, which at the default smoothing leaves 0.9 as `AIMDLimit` does.
    Without it an overload that lasts becomes the long average, and the limit creeps up.
    """

    __slots__ = ("_estimate", "_long", "_max", "_min", "_queue", "_smoothing", "_tolerance")
    idle = False

    def __init__(self, options: Gradient2Options = _DEFAULTS) -> None:
        self._min = options.min
        self._max = options.max
        self._queue = options.queue_size
        self._smoothing = options.smoothing
        self._tolerance = options.tolerance
        self._long = Average(options.long_window)
        self._estimate = float(min(options.max, max(options.min, options.initial)))

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return int(self._estimate)

    def sample(self, now: float, rtt: float, in_flight: int, dropped: bool) -> None:
        """See `Limit.sample`; *rtt* 0 is a drop of which nothing was measured."""
        gradient = 1.0
        if is_duration(rtt):
            gradient = self._gradient(rtt)
        elif not dropped:
            return
        if dropped:
            self._take(self._estimate * _LEAST_GRADIENT)
        elif in_flight >= self._estimate / 2:
            self._take(self._estimate * gradient + self._queue)

    def renew(self) -> None:
        """Nothing is half done here."""

    def _gradient(self, rtt: float) -> float:
        long = self._long.add(rtt)
        if long / rtt > _DRIFT:
            self._long.value *= _PULL
        return max(_LEAST_GRADIENT, min(1.0, self._tolerance * long / rtt))

    def _take(self, wanted: float) -> None:
        estimate = self._estimate * (1 - self._smoothing) + wanted * self._smoothing
        self._estimate = max(self._min, min(self._max, estimate))
