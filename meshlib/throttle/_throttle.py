"""The share of calls that is refused, from counts of a moving window."""

from __future__ import annotations

import math
import random
from collections import deque
from threading import Lock

from ._options import ThrottleOptions

_DEFAULTS = ThrottleOptions()
_SLOTS = 10
"""Parts in which the window moves."""

CRITICAL = 2
"""The priority of calls that say nothing: `Priority.CRITICAL`."""
_EXPONENTS = (0.5, 0.75, 1.0, 2.0)
"""By priority, the lowest first: to which power the share of refused calls is taken."""


class Throttle:
    """
    Refuses a share of the calls: `max(0, (requests - K x accepts) / (requests + 1))`.

    *K* is `multiplier`. Requests are calls made in the window, those refused here included,
    or the share would fall as soon as it works, but not those of which nothing is known yet,
    or a burst would be refused for being one; accepts are those that the service answered
    without refusing or failing. Nothing is refused while fewer than `min_rate` calls a
    second are made, and never more than `max_rejection` of them.

    Of a share p, sheddable calls are refused with the probability of its square root, and
    those that are more than critical with its square.

    `rejected` counts the refusals. Thread-safe. A clock that jumps costs at most the window.
    """

    __slots__ = (
        "_accepts", "_floor", "_k", "_lock", "_most", "_open", "_past", "_requests", "_rng",
        "_slot", "_slots", "_width", "rejected",
    )  # fmt: skip

    def __init__(self, options: ThrottleOptions = _DEFAULTS, *, rng: random.Random) -> None:
        self._k = options.multiplier
        self._floor = options.min_rate * options.window
        self._most = options.max_rejection
        self._width = options.window / _SLOTS
        self._rng = rng
        self.rejected = 0
        """Calls that were refused."""
        self.renew()

    def admit(self, now: float, priority: int = CRITICAL) -> bool:
        """Count a call of this *priority*, 0 to 3; False when it must not be made."""
        with self._lock:
            self._bring_up(now)
            share = self._share()
            self._requests += 1
            if share <= 0.0 or self._rng.random() >= min(self._most, share ** _EXPONENTS[priority]):
                self._open += 1
                return True
            self.rejected += 1
            return False

    def accept(self, now: float) -> None:
        """Count a call that was let in as accepted, once."""
        with self._lock:
            self._bring_up(now)
            self._accepts += 1
            self._open -= 1

    def fail(self, now: float) -> None:
        """Count a call that was let in as not accepted, once: it failed, or was refused."""
        with self._lock:
            self._bring_up(now)
            self._open -= 1

    def take_back(self, now: float) -> None:
        """Forget a call that was let in and not sent, or ended without a word of the service."""
        with self._lock:
            self._bring_up(now)
            self._requests -= 1
            self._open -= 1

    def share(self, now: float) -> float:
        """Return the share of calls, the critical ones, that is refused now."""
        with self._lock:
            self._bring_up(now)
            return min(self._most, self._share())

    def renew(self) -> None:
        """Start anew in a forked child, which has made no calls and holds no lock."""
        self._lock = Lock()
        self._slots: deque[tuple[int, int, int]] = deque(maxlen=_SLOTS - 1)
        self._slot = -math.inf
        self._past = (0, 0, 0)
        self._requests = self._accepts = self._open = 0

    def _share(self) -> float:
        # Caller must hold the lock.
        requests = self._past[0] + self._requests
        accepts = self._past[1] + self._accepts
        if requests < self._floor:
            return 0.0
        # Those that were let in before the window and ended in it make this negative.
        known = requests - max(0, self._past[2] + self._open)
        return max(0.0, (known - self._k * accepts) / (known + 1))

    def _bring_up(self, now: float) -> None:
        # Caller must hold the lock. A jump backwards moves no slots: what is there ages on.
        slot = math.floor(now / self._width)
        if slot == self._slot:
            return
        for _ in range(int(min(max(slot - self._slot, 0), _SLOTS))):
            self._slots.append((self._requests, self._accepts, self._open))
            self._requests = self._accepts = self._open = 0
        requests, accepts, still_open = zip((0, 0, 0), *self._slots, strict=True)
        self._past = sum(requests), sum(accepts), sum(still_open)
        self._slot = slot
