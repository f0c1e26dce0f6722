"""Many answers made into one sample."""

from __future__ import annotations

import math

from ._limit import Limit, is_duration
from ._options import BoundedOptions

_LONGEST = 30
"""Windows that answers which come slowly are gathered for; failsafe-go's 30 s to its 1 s."""
_SHORTEST = 100e-6
"""An answer that took less was not worked for, such as a refusal; Netflix's threshold."""


class WindowedLimit:
    """
    Hands on a sample for each window: mean latency, most in flight, whether too many dropped.

    Netflix concurrency-limits, `WindowedLimit`: a window is *window* seconds and at least
    *window_size* answers. One answer says little, and a limit that moved with each would
    move as fast as requests come. Where Netflix's throws a window with fewer away, this one
    goes on, thirty times as long at the most: a service of slow answers is limited, too.

    Drops are counted apart: how long one took says when somebody lost patience, not how
    fast the service is.
    """

    __slots__ = (
        "_count", "_drops", "_ends", "_inner", "_most", "_size", "_sum", "_tolerance", "_window",
        "limit",
    )  # fmt: skip
    idle = False

    def __init__(self, inner: Limit, options: BoundedOptions) -> None:
        self._inner = inner
        self._window = options.window
        self._size = options.window_size
        self._tolerance = options.drop_tolerance
        self._count = self._drops = self._most = 0
        self._sum = 0.0
        self._ends = -math.inf
        self.limit = inner.limit
        """Calls that may be in flight now."""

    def sample(self, now: float, rtt: float, in_flight: int, dropped: bool) -> None:
        """See `Limit.sample`."""
        if not dropped and not (is_duration(rtt) and rtt >= _SHORTEST):
            return
        # Twice, for the rounding. A clock that went back leaves the end as far ahead as it went.
        if not -2 * self._window <= now - self._ends < self._window * _LONGEST:
            self._begin(now)
        if dropped:
            self._drops += 1
        else:
            self._count += 1
            self._sum += rtt
        if in_flight > self._most:
            self._most = in_flight
        if now >= self._ends and self._count + self._drops >= self._size:
            self._hand_on(now)

    def renew(self) -> None:
        """What the parent counted is not the child's."""
        self._begin(-math.inf)
        self._inner.renew()

    def _hand_on(self, now: float) -> None:
        count, drops = self._count, self._drops
        rtt = self._sum / count if count else 0.0
        self._inner.sample(now, rtt, self._most, drops > self._tolerance * (count + drops))
        self.limit = self._inner.limit
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._ends = now + self._window
        self._count = self._drops = self._most = 0
        self._sum = 0.0
