"""Latency against the least latency, which is measured anew now and then."""

from __future__ import annotations

import math
import random
from collections import deque

from ._limit import is_duration
from ._options import EnvoyGradientOptions

_DEFAULTS = EnvoyGradientOptions()

_LEAST_GRADIENT = 0.5
_MOST_GRADIENT = 2.0
_AT_MINIMUM = 5
"""Updates in a row that left the limit at its minimum, after which the least is doubted."""
_MOST_SAMPLES = 1000
"""Samples kept; of more in one interval the last tell as much, and they bound the memory."""


class EnvoyGradientLimit:
    """
    Doubles at most while latency is below its least, halves at most while it is above.

    Envoy, `adaptive_concurrency`, gradient controller: *request_count* answers under the
    minimum limit give the least latency; every *update_interval* after that
    `gradient = least x (1 + buffer) / latency`, between 0.5 and 2, and the limit becomes
    `limit x gradient + sqrt(limit x gradient)`. The least is measured anew every
    *min_rtt_interval*, and when five updates in a row left the limit at its minimum. A
    measurement counts no call that began before it, and the old limit comes back after it.

    As in Envoy the limit also grows while few calls are in flight. A drop is an answer
    that takes for ever; where the quantile falls on one, a least latency is not replaced.
    Envoy's timers are not needed: what they would do is done by the next sample.
    """

    __slots__ = (
        "_at_minimum", "_buffer", "_count", "_deferred", "_epoch", "_interval", "_jitter",
        "_least", "_max", "_measures_at", "_min", "_percentile", "_rng", "_samples", "_update",
        "_updates_at", "limit",
    )  # fmt: skip
    idle = False

    def __init__(
        self, options: EnvoyGradientOptions = _DEFAULTS, *, rng: random.Random | None = None
    ) -> None:
        self._min = options.min
        self._max = options.max
        self._update = options.update_interval
        self._interval = options.min_rtt_interval
        self._jitter = options.jitter
        self._count = options.request_count
        self._percentile = options.percentile
        self._buffer = options.buffer
        self._rng = random.Random() if rng is None else rng
        self._least = 0.0
        self._at_minimum = 0
        self._samples: deque[float] = deque(maxlen=max(_MOST_SAMPLES, self._count))
        self._epoch = -math.inf
        self._measures_at = self._updates_at = math.inf
        self._deferred = self.limit = options.min

    @property
    def measuring(self) -> bool:
        """Whether the least latency is being measured, under the minimum limit."""
        return self._deferred > 0

    @property
    def least(self) -> float:
        """The least latency in seconds; 0 before the first measurement."""
        return self._least

    def sample(self, now: float, rtt: float, in_flight: int, dropped: bool) -> None:
        """See `Limit.sample`."""
        self._pass_time(now)
        if dropped:
            rtt = math.inf
        elif not is_duration(rtt) or now - rtt < self._epoch:
            return
        self._samples.append(rtt)
        if self.measuring and len(self._samples) >= self._count:
            self._end_measurement(now)

    def renew(self) -> None:
        """A measurement goes on with the answers of the child."""
        self._samples.clear()

    def _pass_time(self, now: float) -> None:
        # A clock that went back would leave all these instants far ahead.
        self._epoch = min(self._epoch, now)
        if self.measuring:
            return
        self._measures_at = min(self._measures_at, now + self._interval * (1 + self._jitter))
        if now >= self._measures_at:
            self._measure(now)
        elif self._updates_at > now + self._update:
            self._updates_at = now + self._update
        elif now >= self._updates_at:
            self._updates_at = now + self._update
            if self._samples:
                self._change(now)

    def _measure(self, now: float) -> None:
        self._deferred = self.limit
        self.limit = self._min
        self._at_minimum = 0
        self._samples.clear()
        self._epoch = now

    def _end_measurement(self, now: float) -> None:
        least = self._quantile()
        if least < math.inf:
            self._least = least
        elif not self._least:
            return  # nothing but drops so far: measure on
        self.limit, self._deferred = self._deferred, 0
        self._measures_at = now + self._interval * (1 + self._jitter * self._rng.random())
        self._updates_at = now + self._update

    def _change(self, now: float) -> None:
        wanted = self._least * (1 + self._buffer) / self._quantile()
        allowed = self.limit * max(_LEAST_GRADIENT, min(_MOST_GRADIENT, wanted))
        before = self.limit
        self.limit = max(self._min, min(self._max, int(allowed + math.sqrt(allowed))))
        stays = before == self.limit == self._min
        self._at_minimum = self._at_minimum + 1 if stays else 0
        if self._at_minimum >= _AT_MINIMUM:
            self._measure(now)

    def _quantile(self) -> float:
        """Take the samples out and return their quantile, by the nearest rank."""
        ordered = sorted(self._samples)
        self._samples.clear()
        return ordered[max(0, math.ceil(self._percentile * len(ordered)) - 1)]
