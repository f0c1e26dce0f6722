"""
One try of a call against one endpoint, and the permits it holds there.
"""

from __future__ import annotations

from typing import Any

from .._models import CANCELLED, OutcomeClass
from ..breaker import Breaker
from ..faults import Fault
from ._pickable import Pickable
from ._stalled import settle_stalled
from ._target import Target
from ._telling import tell_attempt


class Attempt:
    """
    One try against one endpoint. Settled exactly once; `cancel` may be called twice.

    `limit` is the instant by which it must have its response headers.
    """

    # What most attempts never set stands on the class: an attempt is made for every call,
    # and each attribute that is set costs as much as a decision.
    abort: Any = None
    bearer: bytes | None = None
    """The token that it showed, as a header; None when that was not the service's."""
    elapsed = 0.0
    error: BaseException | None = None
    fault: Fault | None = None
    hedge = False
    number = 1
    open = True
    """Counted as in flight on its target."""
    outcome: OutcomeClass | None = None
    probe = False
    span: Any = None
    spent = False
    stalled = 0.0
    """Seconds of `elapsed` in which our own event loop stood still."""
    status: int | None = None
    upstream_faults: tuple[str, ...] = ()

    def __init__(
        self, call: Any, target: Target, breaker: Breaker, epoch: int, pickable: Pickable
    ) -> None:
        self.call = call
        self.target = target
        self.breaker = breaker
        self.epoch = epoch
        self.pickable = pickable
        self.number = call.number
        self.started: float = call.now
        limit = self.started + call.attempt_timeout
        self.limit: float = limit if limit < call.deadline else call.deadline
        self.in_flight = target.load.in_flight

    @property
    def settled(self) -> bool:
        """Whether it has its outcome."""
        return self.outcome is not None

    def left(self) -> float:
        """Seconds until the limit; read anew when a fault has held the attempt back."""
        if self.fault is None:
            return self.limit - self.started
        return self.limit - float(self.call.clock())

    def release(self) -> None:
        """No longer in flight: the body is closed, or there is none."""
        if self.open:
            self.open = False
            self.target.release()
            if self.fault is not None:
                self.call.faults.release(self.fault)

    def settle(self, outcome: OutcomeClass, now: float, cause: object, hint: float) -> None:
        """
        Tell load, outlier detection and breaker how it ended.

        The breaker is the one the attempt began with: new options bring a new one, whose
        epochs mean other things.
        """
        self.outcome = outcome
        self.elapsed = elapsed = now - self.started
        service = self.call.service
        spoiled = now > service.stalls.alarm or self.started < service.stalls.ended
        if not (spoiled and settle_stalled(self, now, cause, hint)):
            self.target.settle(outcome, now, elapsed, hint)
            self.breaker.record(self.epoch, outcome.verdict, now, elapsed, cause)
        tracing = service.tracing
        if tracing is not None:
            tracing.attempt_ended(self)

    def cancel(self, outcome: OutcomeClass = CANCELLED) -> None:
        """Give everything back without a word about the endpoint."""
        if self.outcome is not None:
            self.release()
            return
        call = self.call
        service = call.service
        now = call.clock()
        self.settle(outcome, now, None, 0.0)
        self.release()
        if call.lane.hedge is not None:
            # Without the slow ones that hedges cut off, the quantile would sink.
            call.lane.hedge.observe(self.elapsed - self.stalled, now)
        if service.listening:
            tell_attempt(call, self)
