"""Who may enter while the limit is not reached, the important first."""

from __future__ import annotations

import random
import threading

from ._demand import Demand
from ._make import make_limit
from ._options import AdaptiveOptions, ConcurrencyOptions

_DEFAULTS = ConcurrencyOptions.model_validate("gradient2")
_SPREAD = 0.5
"""Share of the wait that is drawn and added, or all who were rejected came back together."""
_ROUNDING = 1e-9


class Gate:
    """
    Sheds requests above a limit, the sheddable first.

    A request enters while fewer are in flight than the share of its priority allows; there
    is no queue, because whoever waits in one is late in the end. One request of each
    priority always may be in flight, or a small limit would starve the low ones for ever.

    Who entered leaves exactly once, with the seconds that it took, from which the limit
    learns. Thread-safe. Never blocks for longer than a few additions.
    """

    __slots__ = (
        "_demand", "_limit", "_lock", "_max_wait", "_min_wait", "_most", "_named", "_rng",
        "_shares", "dropped", "entered", "in_flight", "peak", "rejected",
    )  # fmt: skip

    def __init__(
        self, options: ConcurrencyOptions = _DEFAULTS, *, rng: random.Random | None = None
    ) -> None:
        self._rng = random.Random() if rng is None else rng
        self._limit = make_limit(options, self._rng)
        self._named = _named(options)
        self.in_flight = 0
        """Requests that have entered and not left."""
        self.peak = 0
        """Most of them at once."""
        self.entered = 0
        self.rejected = [0, 0, 0, 0]
        """Requests turned away, by priority, the lowest first."""
        self.dropped = 0
        """Requests that entered and found no answer in time."""
        self._read(options)
        self.renew()

    def _read(self, options: ConcurrencyOptions) -> None:
        self._shares = options.shares.by_priority
        self._min_wait = options.min_retry_after
        self._max_wait = options.max_retry_after
        self._divide()

    @property
    def limit(self) -> int:
        """Requests that may be in flight now, all priorities together."""
        return self._limit.limit

    def try_enter(self, priority: int, now: float) -> bool:
        """
        Enter; False when as many are in flight as *priority* may take up.

        *priority* is a `Priority`, 0 to 3.
        """
        with self._lock:
            if self.in_flight >= self._most[priority]:
                self.rejected[priority] += 1
                self._demand.rejected(now)
                return False
            self.in_flight += 1
            if self.in_flight > self.peak:
                self.peak = self.in_flight
            self.entered += 1
            self._demand.entered(now)
            return True

    def leave(self, now: float, elapsed: float | None = None, dropped: bool = False) -> None:
        """
        Give the place back, and learn from how it went.

        *elapsed*: seconds it took; None when that says nothing, as of a cancelled request.
        *dropped*: there was no answer in time. One leave too many, of a request that a
        forked child inherited, is ignored.
        """
        with self._lock:
            if self.in_flight == 0:
                return
            if dropped:
                self.dropped += 1
            if elapsed is not None or dropped:
                self._learn(now, elapsed or 0.0, dropped)
            self.in_flight -= 1

    def retry_after(self, now: float) -> float:
        """
        Seconds that a rejected caller should wait before it asks again.

        As long as the gate would take to serve those rejected in the last second, within
        the bounds of the options, and up to half as much again at random.
        """
        with self._lock:
            wait = min(self._max_wait, max(self._min_wait, self._demand.wait(now)))
            return wait * (1.0 + _SPREAD * self._rng.random())

    def resize(self, options: ConcurrencyOptions) -> None:
        """
        Take new options while requests are in flight; nobody is cut off.

        The limit starts anew only if its own options have changed.
        """
        with self._lock:
            named = _named(options)
            if named != self._named:
                self._named = named
                self._limit = make_limit(options, self._rng)
            self._read(options)

    def renew(self) -> None:
        """A forked child starts with no request in flight; what the limit learned stays."""
        self._lock = threading.Lock()
        self._demand = Demand()
        self.in_flight = 0
        self.peak = 0
        self._limit.renew()

    def _learn(self, now: float, elapsed: float, dropped: bool) -> None:
        # Caller must hold the lock.
        before = self._limit.limit
        self._limit.sample(now, elapsed, self.in_flight, dropped)
        if self._limit.limit != before:
            self._divide()

    def _divide(self) -> None:
        limit = self._limit.limit
        self._most = [max(1, int(limit * share + _ROUNDING)) for share in self._shares]


def _named(options: AdaptiveOptions) -> object:
    return getattr(options, options.kind)
