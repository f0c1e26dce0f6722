"""
The decisions behind one logical request.

Nothing here performs I/O, sleeps, or reads the wall clock. A *driver* asks a `Call` what
to do next, does it, and reports what happened: `admit`, then `start_attempt` and
`finish_attempt` or `fail_attempt` until one of them says that there is nothing left to
wait for, and `close` when the body is closed.
"""

from __future__ import annotations

from typing import Any

from .._models import CANCELLED, SUCCESS, CallOptions, Retryable, Verdict
from ._aftermath import finish_injections
from ._again import retry_delay
from ._attempt import Attempt
from ._beginning import look_closer, take_options
from ._call_state import CallState
from ._choice import choose
from ._faulting import draw_fault
from ._rejections import deadline_exceeded
from ._service import Service
from ._settled import failure_of, tell_settled
from ._settling import settle_closely
from ._telling import tell_attempt
from ._throttling import refuse_some

_GOOD = Verdict.SUCCESS
_NEVER = Retryable.NEVER
_new = object.__new__


class Call(CallState):
    """
    One logical request, made of one or more attempts.

    Also the `PickInfo` that balancers see. Driven by one thread or task at a time.
    """

    def __init__(
        self,
        service: Service,
        request: Any,
        options: CallOptions | None,
        ambient: float | None,
        replayable: bool,
        lane: Any = None,
    ) -> None:
        self.service = service
        self.lane = lane = service if lane is None else lane
        self.policies = policies = lane.policies
        self.request = request
        self.body = request.stream
        self.clock = clock = service.clock
        self.started = self.now = now = clock()
        self.attempt_timeout = policies.attempt_timeout
        self.deadline = now + policies.timeout
        self.replayable = replayable
        if options is not None:
            take_options(self, options)
        if ambient is not None and ambient < self.deadline:
            self.deadline = ambient
            self.callers_deadline = True
        self.special = not (service.plain and replayable and options is None and lane is service)
        if self.special:
            look_closer(self, options)
        self.faults = faults = service.faults
        if faults is not None and faults.has_call:
            self.faulted = self.special = True

    # Admission

    def admit(self) -> bool:
        """
        Take the call's bulkhead permit; False when it must queue for one.

        Raises DeadlineExceededError when the deadline has passed already, and ThrottledError.
        """
        now, lane = self.now, self.lane
        if self.deadline <= now:
            raise deadline_exceeded(self, now)
        if self.special and self.service.throttle is not None:
            refuse_some(self)
        if not lane.bulkhead.try_acquire():
            return False
        self.permit = True
        lane.budget.deposit(now)
        return True

    # Attempts

    def start_attempt(self) -> Attempt:
        """
        Pick a target and take its permits.

        Raises NoEndpointError, CircuitOpenError or DeadlineExceededError; after a failed
        attempt the driver raises them from that attempt's outcome.
        """
        now, number = self.now, self.number + 1
        if number > 1:  # the first follows its admission at once
            self.now = now = self.clock()
            if now >= self.deadline:
                raise deadline_exceeded(self, now)
            self.tried = [attempt.target for attempt in self.attempts]
        service = self.service
        if now >= service.wake_at:
            service.refresh(now)
        stalls = service.stalls
        if stalls.measures and stalls.here.asleep:
            stalls.wake()
        self.number = number
        pickable = self.lane.pickable
        pick = pickable.plain
        if pick is not None and number == 1 and (target := pick(self)).breaker.closed:
            # What `choose` does where there is nothing to look at, and `Attempt` at its birth.
            attempt = _new(Attempt)
            attempt.call = self
            attempt.target = target
            attempt.breaker = breaker = target.breaker
            attempt.epoch = breaker.epoch
            attempt.pickable = pickable
            attempt.started = now
            limit = now + self.attempt_timeout
            attempt.limit = limit if limit < self.deadline else self.deadline
            attempt.in_flight = target.load.in_flight
        else:
            attempt = choose(self, pickable, now)
            target = attempt.target
        target.begin(number)
        self.attempts = (attempt,) if number == 1 else (*self.attempts, attempt)
        faults = self.faults
        if faults is not None and faults.has_attempt:
            attempt.fault = draw_fault(self, "attempt", target.label)
        if service.tracing is not None:
            service.tracing.attempt_started(attempt)
        if self.special and self.routed is not None and number == 1:
            self.routed.started(self)
        return attempt

    # Outcomes

    def finish_attempt(self, attempt: Attempt, response: Any) -> float | None:
        """Record *response*; return the seconds to wait before another attempt, or None."""
        clock, service, started = self.clock, self.service, attempt.started
        stalls = service.stalls
        self.now = now = clock()
        attempt.status = status = response.status_code
        attempt.outcome = outcome = self.policies.classes[status]
        attempt.elapsed = elapsed = now - started
        hint: float | None = None
        calm = now <= stalls.alarm and started >= stalls.ended
        if calm and outcome is SUCCESS and status < 400:
            # What Attempt.settle does, without the calls: the end of every good attempt.
            attempt.target.succeed(now, elapsed)
            attempt.breaker.record(attempt.epoch, _GOOD, now, elapsed, status)
        else:
            outcome, hint = settle_closely(self, attempt, response, now)
        if service.tracing is not None:
            service.tracing.attempt_ended(attempt, response)
        if self.special:
            tell_settled(self, attempt, now, response)
        if service.listening:
            tell_attempt(self, attempt)
        if outcome.retryable is _NEVER:
            return None
        return retry_delay(self, outcome, now, hint)

    def fail_attempt(self, attempt: Attempt, error: Exception) -> float | None:
        """Record *error*; return the seconds to wait before another attempt, or None."""
        self.now = now = self.clock()
        attempt.error = error
        outcome = failure_of(self, error, now)
        attempt.settle(outcome, now, error, 0.0)
        attempt.release()
        tell_settled(self, attempt, now)
        if self.service.listening:
            tell_attempt(self, attempt)
        if outcome.retryable is _NEVER:
            return None
        return retry_delay(self, outcome, now, None)

    def close(self) -> None:
        """Give back every permit still held. Idempotent."""
        if self.closed:
            return
        self.closed = True
        for attempt in self.attempts:
            if attempt.open:
                if attempt.outcome is None:
                    attempt.cancel(CANCELLED)
                elif attempt.fault is not None:
                    attempt.release()
                else:
                    attempt.open = False
                    attempt.target.release()
            # Without this cycle a call is freed at once, not by the collector.
            attempt.call = None
        if self.permit:
            self.permit = False
            self.lane.bulkhead.release()
        if self.special:
            self.last_error = None
            if self.fault is not None and self.faults is not None:
                self.faults.release(self.fault)
            if self.end is not None:
                finish_injections(self)
