"""No limit until most of what is sent is lost; then so few that the queue beyond drains."""

from __future__ import annotations

import math

from ._limit import is_duration
from ._options import LARGEST, DropsOptions

_DEFAULTS = DropsOptions()

_LONGEST = 30
"""Windows that answers which come slowly are gathered for; as `WindowedLimit`."""
_GROWTH = 1.25
"""What a good window makes of the limit: tenfold in a second at most."""
_SLOW_GROWTH = 1.05
"""
The same while answers take so long that more could be too many: once a second, or once in
ten where they take three quarters of the time after which others were given up.
"""
_STEP = 1.0
_SLOW_STEP = 10.0
_CLEAN = 0.1
"""Share of a window that may be dropped while the limit rises."""
_UNUSED = 1.0
"""Seconds after which a limit of which less than half is needed is lifted."""
_GRACE = 10.0
"""Patiences that the queue of an overloaded service is given to drain, and seconds at most."""


class DropLimit:
    """
    Unlimited, but while a service loses most of what it is sent.

    A storm feeds itself: a server works on requests that nobody waits for any more, and
    what is sent meanwhile waits behind them until it is late, too. Once *share* of the
    attempts of a window, half by default, are dropped, so many of the calls that were in
    flight may be as that share leaves: 1 - share/2, as DCTCP does to its window, down to
    *min*. Then the queue beyond drains, and answers come in time again. The limit rises by
    a quarter after each good window in which it was used, but not more often than in twice
    the time that answers take, and more slowly while that is more than half of the time
    after which others were given up: a queue that long is close to being too long. It is
    lifted when it is not needed for a second.

    Latency alone never lowers it, and fewer drops do not either: a service that is slow, or
    of which one endpoint fails, is not limited.

    `idle` says that only drops are of interest now: successes need not be told.
    """

    __slots__ = (
        "_began", "_count", "_drops", "_excused", "_grown", "_min", "_most", "_patience",
        "_share", "_size", "_sum", "_used", "_window", "idle", "limit",
    )  # fmt: skip

    def __init__(self, options: DropsOptions = _DEFAULTS) -> None:
        self._min = options.min
        self._window = options.window
        self._size = options.window_size
        self._share = options.share
        self._count = self._drops = self._most = 0
        self._sum = self._patience = 0.0
        self.idle = True
        self.limit = LARGEST
        """Calls that may be in flight now."""
        self._lift(-math.inf)

    def sample(self, now: float, rtt: float, in_flight: int, dropped: bool) -> None:
        """See `Limit.sample`."""
        if self.idle:
            if not dropped:
                return
            self.idle = False
            self._begin(now)
        elif not -2 * self._window <= now - self._began < self._window * _LONGEST:
            self._begin(now)
        if in_flight > self._most:
            self._most = in_flight
        if dropped:
            self._drops += 1
            if is_duration(rtt):
                self._patience = max(self._patience, rtt)
            many = self._drops >= self._share * (self._count + self._drops)
            if in_flight > self._min and (many or self.limit < LARGEST):
                self._excused = now + min(self._patience, 1.0) * _GRACE
        else:
            self._count += 1
            self._sum += rtt
        if now - self._began >= self._window and self._count + self._drops >= self._size:
            self._judge(now)

    def flooded(self, now: float) -> bool:
        """
        Whether drops are owed to more calls than the service can take, and not to an endpoint.

        True from the first drop of many, or of any while calls are limited, if more than *min*
        are in flight, and for ten times as long as they waited for an answer, 10 s at most,
        in which what they left behind is worked off. It ends early after a window in which a
        tenth or less is dropped, or less than *share* where calls are not limited.
        """
        return now < self._excused

    def renew(self) -> None:
        """What the parent counted is not the child's; its limit is."""
        self._begin(-math.inf)

    def _judge(self, now: float) -> None:
        total = self._count + self._drops
        share = self._drops / total
        if share >= self._share:
            base = min(self.limit, self._most)
            self.limit = max(self._min, int(base * (1 - share / 2)))
            self._used = self._grown = now
        else:
            if self.limit == LARGEST:
                self._excused = -math.inf
            if share <= _CLEAN:
                # What was sent before is late all the same.
                self._excused = min(self._excused, now + self._patience)
                self._rise(now)
            else:
                self._used = now
        self._begin(now)

    def _rise(self, now: float) -> None:
        if self._most * 2 < self.limit:
            if self.limit == LARGEST or now - self._used >= _UNUSED:
                self._lift(now)
            return
        self._used = now
        mean, patience = self._sum / self._count, self._patience
        if not 0.5 * patience < mean < patience:
            # Not before answers tell of the last step, which takes them as long as they take.
            if now - self._grown >= 2 * mean:
                self._grow(now, _GROWTH)
        elif now - self._grown >= (_STEP if mean < 0.75 * patience else _SLOW_STEP):
            self._grow(now, _SLOW_GROWTH)

    def _grow(self, now: float, by: float) -> None:
        self._grown = now
        self.limit = min(LARGEST, max(self.limit + 1, int(self.limit * by)))

    def _lift(self, now: float) -> None:
        self.limit = LARGEST
        self.idle = True
        self._patience = 0.0
        self._used = self._grown = self._excused = -math.inf
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._began = now
        self._count = self._drops = self._most = 0
        self._sum = 0.0
