"""
The limit on retries of a whole service: so many for the calls that came.

Retries multiply the load exactly when it cannot be borne. Limiting them per call does
not help, because there are as many calls as ever; a budget shared by all calls, retries
and hedges of a service does.
"""

from __future__ import annotations

import math
from collections import deque
from threading import Lock

from ._options import BudgetOptions

# Finagle's resolution (RetryBudget.scala, WindowedAdder): a window of ten slots.
_SLOTS = 10

# Finagle's scale: a call deposits so many tokens and a retry costs the inverse of the
# ratio, so that the arithmetic is done in whole numbers.
_SCALE = 1000

# Keeps the cost of a retry finite for ratios that only a denormal can express.
_LARGEST = 1e15


class RetryBudget:
    """
    Finagle's retry budget: calls deposit, retries withdraw, and both expire.

    Over any *ttl* seconds, *ratio* retries per call are allowed and *min_per_second* x
    *ttl* besides, which serve a client that has just begun or makes few calls. With both
    0 every retry is refused. First attempts are never asked about.

    The window moves in slots of a tenth of *ttl*. `refused` counts the refusals.

    Thread-safe. Deposits of several threads at the same instant may count as fewer, never
    as more; withdrawals are exact. A clock that jumps costs at most what the window holds:
    forwards it expires, backwards it is taken as the present.
    """

    __slots__ = (
        "_calls",
        "_cost",
        "_deposit",
        "_floor",
        "_lock",
        "_past",
        "_reserve",
        "_slot",
        "_slots",
        "_spent",
        "_until",
        "_width",
        "refused",
    )

    def __init__(self, options: BudgetOptions | None = None) -> None:
        options = BudgetOptions() if options is None else options
        self.refused = 0
        self._deposit = _SCALE if options.ratio else 0
        self._cost = int(min(_SCALE / options.ratio, _LARGEST)) if options.ratio else 1
        retries = min(options.min_per_second * options.ttl, _LARGEST)
        self._reserve = int(retries * self._cost)
        self._width = options.ttl / _SLOTS
        self._slots: deque[int] = deque(maxlen=_SLOTS - 1)
        self.renew()

    def deposit(self, now: float) -> None:
        """Count a call, once, whatever becomes of it."""
        if not self._floor <= now < self._until:
            with self._lock:
                self._bring_up(now)
        # Two threads may lose one of two increments here, one stopped in the middle takes
        # back what others add meanwhile, and one that is late counts in the next slot or not
        # at all: the budget errs on the safe side. Withdrawals are counted apart, so that
        # none is lost in this way.
        self._calls[0] += 1

    def try_withdraw(self, now: float) -> bool:
        """Take one retry or hedge out of the budget; False, and nothing taken, when empty."""
        with self._lock:
            if self._held(now) < self._cost:
                self.refused += 1
                return False
            # A withdrawal is a negative deposit, so it expires as deposits do.
            self._spent += self._cost
            return True

    def balance(self, now: float) -> int:
        """Count the retries that could be made now."""
        with self._lock:
            return max(0, self._held(now) // self._cost)

    def renew(self) -> None:
        """Start anew in a forked child, which has made no calls and holds no lock."""
        self._lock = Lock()
        self._slots.clear()
        self._slot = 0
        self._past = 0
        # Of the present slot. The cell goes when the slot does, so that a deposit which is
        # under way can bring back nothing that has been counted in the past.
        self._calls = [0]
        self._spent = 0
        # An empty interval: the first `now` rolls.
        self._floor = math.inf
        self._until = -math.inf

    def _held(self, now: float) -> int:
        # Caller must hold the lock.
        self._bring_up(now)
        return self._reserve + self._past + self._calls[0] * self._deposit - self._spent

    def _bring_up(self, now: float) -> None:
        # Caller must hold the lock.
        if self._floor <= now < self._until:
            return
        slot = math.floor(now / self._width)
        # A jump backwards moves no slots: what the window holds ages from here on.
        for _ in range(min(slot - self._slot, _SLOTS)):
            calls, self._calls = self._calls, [0]
            self._slots.append(calls[0] * self._deposit - self._spent)
            self._spent = 0
        self._past = sum(self._slots)
        self._slot = slot
        self._until = (slot + 1) * self._width
        # Threads read the clock before they get here, so one may come a slot late; it
        # counts in the present one.
        self._floor = (slot - 1) * self._width
