"""The transitions of a breaker, without its lock."""

from __future__ import annotations

import itertools
import math
import random

from .._models import Verdict
from ._count_window import CountWindow
from ._options import BreakerOptions
from ._rules import rules_of
from ._state import BreakerState
from ._time_window import TimeWindow

_CLOSED = BreakerState.CLOSED
_OPEN = BreakerState.OPEN
_HALF_OPEN = BreakerState.HALF_OPEN
_ISOLATED = BreakerState.ISOLATED
_SUCCESS = Verdict.SUCCESS
_FAILURE = Verdict.FAILURE

# One series for all breakers, so that an attempt which outlives its breaker, because the
# configuration put another in its place, can never carry an epoch of the new one.
_epochs = itertools.count(1)

_NO_EPOCH = 0
_NEVER = -math.inf  # one for all breakers: each `-math.inf` is another object
_NO_PROBES: dict[int, float] = {}
"""Of every breaker that is not half-open; nothing is ever put in."""

Change = tuple[BreakerState, BreakerState, object]
"""The old state, the new one, and the cause."""


def _passed(end: float, length: float, now: float) -> bool:
    # The second half is a clock that was set back by at least the whole period: without
    # it the period would last until the clock has caught up.
    return now >= end or now <= end - 2.0 * length


class Machine:
    """
    Everything a breaker knows and decides; `Breaker` puts a lock around it.

    The caller of every method holds that lock. All changes of state go through `_enter`.
    """

    __slots__ = (
        "_break",
        "_calm_since",
        "_calm_until",
        "_closed_at",
        "_counted",
        "_last",
        "_next_break",
        "_probes",
        "_rng",
        "_rules",
        "_slow_after",
        "_streak",
        "_succeeded",
        "_successes",
        "_until",
        "_window",
        "cause",
        "closed",
        "epoch",
        "opened",
        "state",
        "wake_at",
    )

    def __init__(self, options: BreakerOptions, rng: random.Random | None) -> None:
        self._rng = rng
        self._rules = rules = rules_of(options)
        self._slow_after = rules.slow_after
        self._window: TimeWindow | CountWindow = (
            TimeWindow(rules.duration) if rules.count is None else CountWindow(rules.count)
        )
        self._probes = _NO_PROBES  # epoch of the probe -> end of its lease
        self._closed_at = _NEVER
        self._until = _NEVER
        self._break = self._next_break = rules.base_break
        self.state = _CLOSED
        self.cause: object = None
        """The failure that opened it: a status, an exception, or "slow"; None once closed."""
        self.opened = 0
        """How often it opened."""
        self._enter(_CLOSED)

    def _enter(self, state: BreakerState) -> Change:
        old, self.state = self.state, state
        # Before `closed`: whoever reads that without the lock then finds this epoch.
        self.epoch = next(_epochs)
        self.closed = state is _CLOSED or (self._rules.shadow and state is not _ISOLATED)
        self._calm_since = self._calm_until = _NEVER
        self._counted = self.epoch if state is _CLOSED and self._rules.enabled else _NO_EPOCH
        # After `_counted`: whoever got this cell without the lock finds the new epoch too.
        self._successes = [0]
        self.wake_at = self._until if state is _OPEN and not self._rules.shadow else math.inf
        self._window.clear()
        self._probes = {} if state is _HALF_OPEN else _NO_PROBES
        self._streak = 0
        self._succeeded = 0
        self._last: object = None
        return old, state, self.cause

    def _close(self, now: float) -> Change:
        self._closed_at = now
        self.cause = None
        return self._enter(_CLOSED)

    def _trip(self, now: float, cause: object) -> Change:
        if self.state is _CLOSED and self._window.covered(self._closed_at, now):
            self._next_break = self._rules.base_break
        length = self._next_break
        self._next_break = min(length * 2.0, self._rules.max_break)
        if self._rng is not None and length > self._rules.base_break:
            length *= 0.5 + 0.5 * self._rng.random()
        self._break = length
        self._until = now + length
        self.cause = cause
        self.opened += 1
        return self._enter(_OPEN)

    def _tripped(self) -> bool:
        if self._streak >= self._rules.consecutive:
            return True
        window = self._window
        total = window.total
        # Divided, because 0.1 * 30 is more than 3 in floating point.
        return total >= self._rules.minimum and (
            window.failures / total >= self._rules.failure_ratio
            or window.slow / total >= self._rules.slow_ratio
        )

    def _tally(self) -> None:
        # Before anything else is counted and before the window moves: takes in what was
        # counted without the lock. Nothing more is, until a success has been judged.
        self._calm_until = _NEVER
        if self._successes[0]:
            successes, self._successes = self._successes, [0]
            self._window.succeed_often(successes[0])

    def _count(self, verdict: Verdict, now: float, elapsed: float, cause: object) -> None:
        failed = verdict is not _SUCCESS
        if verdict is _FAILURE:
            self._streak += 1
        elif not failed:
            self._streak = 0
        self._window.add(now, failed, elapsed > self._slow_after)
        # Not the exception: its traceback would keep the whole call alive while closed.
        known = type(cause) if isinstance(cause, BaseException) else cause
        self._last = known if failed else "slow"

    def _admit(self, now: float) -> tuple[int | None, Change | None]:
        if self.closed:
            return self.epoch, None
        if not self._admits(now):
            return None, None
        change = self._enter(_HALF_OPEN) if self.state is _OPEN else None
        probes = self._probes
        for overdue in [e for e, end in probes.items() if _passed(end, self._rules.lease, now)]:
            del probes[overdue]
        epoch = next(_epochs)
        probes[epoch] = now + self._rules.lease
        self._wake()
        return epoch, change

    def _admits(self, now: float) -> bool:
        state = self.state
        if state is _OPEN:
            return self.closed or _passed(self._until, self._break, now)
        if state is _HALF_OPEN:
            probes = self._probes
            return len(probes) < self._rules.places or any(
                _passed(end, self._rules.lease, now) for end in probes.values()
            )
        return state is _CLOSED

    def _retry_after(self, now: float) -> float:
        return 0.0 if self._admits(now) else self.wake_at - now

    def _wake(self) -> None:
        full = len(self._probes) >= self._rules.places
        self.wake_at = min(self._probes.values()) if full else math.inf

    def _judge(
        self, epoch: int, verdict: Verdict, now: float, elapsed: float, cause: object
    ) -> Change | None:
        # The outcome of a probe, or of an epoch that has passed.
        if self.state is _OPEN:
            # In shadow mode no call asks for admission, so the outcomes carry time along.
            over = self._rules.shadow and _passed(self._until, self._break, now)
            return self._enter(_HALF_OPEN) if over else None
        # In shadow mode every call is a probe, and carries the epoch of the state.
        probe = epoch > self.epoch or (self._rules.shadow and epoch == self.epoch)
        if self.state is not _HALF_OPEN or not probe:
            return None
        if verdict is _SUCCESS and elapsed <= self._slow_after:
            self._succeeded += 1
            if self._succeeded >= self._rules.required:
                return self._close(now)
        elif verdict:
            return self._trip(now, "slow" if verdict is _SUCCESS else cause)
        self._wake()
        return None
