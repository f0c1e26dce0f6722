"""The breaker of one endpoint: its machine, with a lock and those who listen."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from .._models import Verdict
from ._machine import Change, Machine
from ._options import BreakerOptions
from ._state import BreakerSnapshot, BreakerState

_CLOSED = BreakerState.CLOSED
_ISOLATED = BreakerState.ISOLATED
_SUCCESS = Verdict.SUCCESS
_NEUTRAL = Verdict.NEUTRAL

_DEFAULTS = BreakerOptions()


class Breaker(Machine):
    """
    Stops calls to one endpoint while too many of them fail.

    Closed, it opens after `consecutive_failures` in a row, or once at least
    `minimum_throughput` outcomes are in the window and `failure_ratio` of them failed or
    `slow_call_ratio` of them were slow. Open, it refuses for `break_duration`; then a few
    probes may pass. `probe_successes` of them close it; one that fails, sheds load or is
    slow reopens it at once for twice as long, up to `max_break_duration`. The first
    break is exact; longer ones lose up to half to jitter when *rng* is given (Finagle's
    equal jitter). The doubling is forgotten after a whole window in the closed state.

    An outcome counts only in the epoch its attempt began in. Each probe has an epoch of
    its own, so only the call that took a place can give it back. A probe that has not
    ended after `probe_lease` lets another call have its place; its own outcome still
    counts while the same half-open state lasts, because it says as much about the
    endpoint as any other.

    Shadow mode runs the whole machine and calls *on_change*, but refuses nothing. Only
    `isolate`, an order and not a judgement, is obeyed in shadow mode too, and by a
    breaker that is not enabled.

    *on_change* gets the old state, the new one and the cause; *on_available* is called
    when a half-open place came free without a change of state. Both run in the calling
    thread after the lock is released, must not raise, and may see the changes of two
    threads in either order: read `state` for what holds now.

    Thread-safe. `state`, `closed`, `epoch`, `wake_at`, `cause` and `opened` may be read
    without a lock. Never blocks for longer than a few additions; a success that cannot
    change the state is counted without the lock.
    """

    __slots__ = ("_lock", "_on_available", "_on_change")

    def __init__(
        self,
        options: BreakerOptions = _DEFAULTS,
        *,
        rng: random.Random | None = None,
        on_change: Callable[[BreakerState, BreakerState, object], None] | None = None,
        on_available: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(options, rng)
        self._lock = threading.Lock()
        self._on_change = on_change
        self._on_available = on_available

    # Before an attempt

    def try_acquire(self, now: float) -> int | None:
        """
        Return the epoch to record an outcome with, or None when the call is refused.

        An open breaker whose break is over becomes half-open. A probe must be recorded
        or cancelled.
        """
        if self.closed:
            return self.epoch
        with self._lock:
            epoch, change = self._admit(now)
        if change is not None:
            self._tell(change)
        return epoch

    def is_available(self, now: float) -> bool:
        """Whether `try_acquire` would admit a call; changes nothing."""
        if self.closed:
            return True
        with self._lock:
            return self._admits(now)

    def retry_after(self, now: float) -> float:
        """Seconds until a call may pass: 0 when one may, infinite while isolated."""
        with self._lock:
            return self._retry_after(now)

    # After an attempt

    def record(
        self,
        epoch: int,
        verdict: Verdict,
        now: float,
        elapsed: float = 0.0,
        cause: object = None,
    ) -> None:
        """
        Count the outcome of an attempt that began in *epoch* and took *elapsed* seconds.

        *cause* is its status or its exception. A neutral verdict gives a probe back and
        counts nothing. An *epoch* that has passed is ignored.
        """
        successes = self._successes
        # After that line: should the state change meanwhile, the cell is of the old epoch.
        if epoch != self._counted:
            self._settle(epoch, verdict, now, elapsed, cause)
        elif verdict is not _SUCCESS or elapsed > self._slow_after:
            if verdict:
                self._record(epoch, verdict, now, elapsed, cause)
        elif self._calm_since <= now < self._calm_until:
            # Two threads may lose one of two increments here, and one stopped in the middle
            # takes back what others add meanwhile. Never too many: the ratios of a moment
            # are over fewer successes, and every failure is counted.
            successes[0] += 1
        else:
            self._record(epoch, verdict, now, elapsed, cause)

    def cancel(self, epoch: int, now: float) -> None:
        """Give back what `try_acquire` gave; may be called twice, and after `record`."""
        if epoch != self._counted:
            self._settle(epoch, _NEUTRAL, now, 0.0, None)

    # By hand

    def isolate(self) -> None:
        """Refuse every call until `reset`, in shadow mode and when not enabled too."""
        with self._lock:
            self.cause = None
            change = self._enter(_ISOLATED)
        self._tell(change)

    def reset(self, now: float) -> None:
        """Close it and forget everything: counts, escalation, isolation."""
        with self._lock:
            self._next_break = self._rules.base_break
            change = self._close(now)
        self._tell(change)

    # For metrics, caches and forks

    def snapshot(self, now: float) -> BreakerSnapshot:
        """Return counters and state at *now*."""
        with self._lock:
            self._tally()
            window = self._window
            window.advance(now)
            return BreakerSnapshot(
                state=self.state,
                total=window.total,
                failures=window.failures,
                slow=window.slow,
                consecutive=self._streak,
                opened=self.opened,
                probes=len(self._probes),
                retry_after=self._retry_after(now),
                cause=self.cause,
            )

    def forgettable(self, now: float) -> bool:
        """
        Whether dropping this breaker would forget nothing bad about its endpoint.

        A cache of breakers evicts only these; an outage must not end by eviction.
        """
        with self._lock:
            self._tally()
            window = self._window
            window.advance(now)
            escalated = self._next_break > self._rules.base_break
            return (
                self.state is _CLOSED
                and not (self._streak or window.failures or window.slow)
                and (not escalated or window.covered(self._closed_at, now))
            )

    def renew(self) -> None:
        """
        A forked child starts with no call in flight.

        State and break stay: the endpoint is as bad for the child. The counts go, since
        the fork may have caught another thread in the middle of an addition.
        """
        self._lock = threading.Lock()
        self._enter(self.state)

    def _record(
        self, epoch: int, verdict: Verdict, now: float, elapsed: float, cause: object
    ) -> None:
        # An outcome of a closed breaker that may change more than a count.
        with self._lock:
            if epoch != self._counted:
                return  # another thread changed the state in between
            self._tally()
            if verdict is _SUCCESS and elapsed <= self._slow_after:
                self._streak = 0
                window = self._window
                window.succeed(now)
                enough = window.total >= self._rules.minimum
                # This may be the outcome that reaches the minimum, so it is judged too.
                if not (enough and self._tripped()):
                    # Until the window moves, no further success can trip it either: it only
                    # lowers the ratios, or nothing bad is in the window.
                    if enough or not (window.failures or window.slow):
                        self._calm_since = window.since
                        self._calm_until = window.until
                    return
            else:
                self._count(verdict, now, elapsed, cause)
                if not self._tripped():
                    return
            change = self._trip(now, self._last if verdict is _SUCCESS else cause)
        self._tell(change)

    def _settle(
        self, epoch: int, verdict: Verdict, now: float, elapsed: float, cause: object
    ) -> None:
        # The outcome of a probe, or of an epoch that has passed.
        if self.state is _CLOSED:
            return
        with self._lock:
            held = self._probes.pop(epoch, None) is not None
            change = self._judge(epoch, verdict, now, elapsed, cause)
        if change is not None:
            self._tell(change)
        elif held:
            self.available()

    def _tell(self, change: Change) -> None:
        if change[0] is not change[1]:
            self.changed(*change)

    # What a breaker of another kind does by itself, instead of being given a callback

    def changed(self, old: BreakerState, new: BreakerState, cause: object) -> None:
        """Call *on_change*."""
        if self._on_change is not None:
            self._on_change(old, new, cause)

    def available(self) -> None:
        """Call *on_available*."""
        if self._on_available is not None:
            self._on_available()
