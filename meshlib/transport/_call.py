"""
The decisions behind one logical request.

Nothing here performs I/O, sleeps, or reads the wall clock. A *driver* asks a `Call` what
to do next, does it, and reports what happened: `admit`, then `start_attempt` and
`finish_attempt` or `fail_attempt` until one of them says that there is nothing left to
wait for, and `close` when the body is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._exceptions import CallRejectedError
from .._models import BROKEN, CANCELLED, DEADLINE, SUCCESS, CallOptions, Retryable, Verdict
from ._aftermath import finish_injections
from ._again import judge, retry_delay
from ._attempt import Attempt
from ._beginning import look_closer, take_options
from ._choice import choose
from ._faulting import draw_fault
from ._rejections import deadline_exceeded
from ._service import Service
from ._settled import tell_settled
from ._target import Target
from ._telling import tell_attempt, tell_end, tell_fallback
from ._upward import read_marks

_NEVER = Retryable.NEVER


class Call:
    """
    One logical request, made of one or more attempts.

    Also the `PickInfo` that balancers see. Driven by one thread or task at a time.
    """

    # Defaults stand on the class, because one call is made for every request.
    authorization: Any = None
    """What was decided about it; None where nothing decides."""
    body_error: str | None = None
    callers_deadline = False
    closed = False
    credentials: Any = None
    """What keeps the token that its attempts show; None when they show none."""
    end: Any = None
    """How it ended and when, while its injections do not know yet."""
    fallback_used: str | None = None
    fault: Any = None
    """What was drawn for the call as a whole, outside its retries."""
    faulted = False
    """Rules may act on the call as a whole, or its fault has still something to do."""
    hash_key: str | None = None
    hedged = False
    injected: Sequence[Any] = ()
    """The faults that were drawn, each with its attempt, or None in phase `call`."""
    last_error: BaseException | None = None
    may_fall_back = False
    must_buffer = False
    number = 0
    permit = False
    request_id: bytes | None = None
    routed: Any = None
    """What routes decided; None for a service without any."""
    span: Any = None
    special = False
    tried: Sequence[Target] = ()
    unprepared = False
    waited = 0.0

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
        self.options = options
        self.clock = clock = service.clock
        self.started = self.now = now = clock()
        self.max_attempts = policies.max_attempts
        self.attempt_timeout = policies.attempt_timeout
        self.deadline = now + policies.timeout
        self.replayable = replayable
        idempotent = policies.idempotent
        if options is not None:
            idempotent = take_options(self, options, idempotent)
        if ambient is not None and ambient < self.deadline:
            self.deadline = ambient
            self.callers_deadline = True
        if idempotent is None:
            idempotent = request.method in policies.methods or "idempotency-key" in request.headers
        self.idempotent = idempotent
        self.classes = policies.classes
        self.faults = service.faults
        if self.faults is not None and self.faults.has_call:
            self.faulted = self.special = True
        self.attempts: list[Attempt] = []
        if not (service.plain and replayable and options is None and lane is service):
            look_closer(self, options)

    # Admission

    def admit(self) -> bool:
        """
        Take the call's bulkhead permit; False when it must queue for one.

        Raises DeadlineExceededError when the deadline has passed already.
        """
        if self.deadline <= self.now:
            raise deadline_exceeded(self, self.now)
        if not self.lane.bulkhead.try_acquire():
            return False
        self.permit = True
        self.lane.budget.deposit(self.now)
        return True

    def readied(self) -> None:
        """The wait for the first snapshot is over, with or without one."""
        before, self.now = self.now, self.clock()
        self.waited += self.now - before

    def buffered(self, body: Any, replayable: bool) -> None:
        """Send *body* in place of the request's own."""
        self.now = self.clock()
        self.body = body
        self.replayable = replayable

    def admitted(self) -> None:
        """A permit was handed over after waiting in the queue."""
        self.permit = True
        self.readied()
        self.lane.budget.deposit(self.now)

    # Attempts

    def start_attempt(self) -> Attempt:
        """
        Pick a target and take its permits.

        Raises NoEndpointError, CircuitOpenError or DeadlineExceededError; after a failed
        attempt the driver raises them from that attempt's outcome.
        """
        now = self.now
        if self.number:  # the first follows its admission at once
            self.now = now = self.clock()
            if now >= self.deadline:
                raise deadline_exceeded(self, now)
        service = self.service
        if now >= service.wake_at:
            service.refresh(now)
        pickable = self.lane.pickable
        self.number += 1
        if self.number > 1:
            self.tried = [attempt.target for attempt in self.attempts]
        attempt = choose(self, pickable, now)
        target = attempt.target
        target.begin(self.number)
        attempt.open = True
        self.attempts.append(attempt)
        faults = self.faults
        if faults is not None and faults.has_attempt:
            attempt.fault = draw_fault(self, "attempt", target.label)
        if service.tracing is not None:
            service.tracing.attempt_started(attempt)
        if self.routed is not None and self.number == 1:
            self.routed.started(self)
        return attempt

    # Outcomes

    def finish_attempt(self, attempt: Attempt, response: Any) -> float | None:
        """Record *response*; return the seconds to wait before another attempt, or None."""
        self.now = now = self.clock()
        attempt.status = status = response.status_code
        outcome = self.classes[status]
        hint: float | None = None
        if outcome is not SUCCESS:
            outcome, hint = judge(self, status, response.headers, outcome)
        if status >= 400:
            read_marks(self, attempt, response.headers)
        # What Attempt.settle does, without the call: this is the end of every good attempt.
        attempt.settled = True
        attempt.outcome = outcome
        attempt.elapsed = elapsed = now - attempt.started
        attempt.target.settle(outcome, now, elapsed, hint or 0.0)
        attempt.breaker.record(attempt.epoch, outcome.verdict, now, elapsed, status)
        service = self.service
        if service.tracing is not None:
            service.tracing.attempt_ended(attempt, response)
        if self.special:
            tell_settled(self, attempt, now)
        if service.listening:
            tell_attempt(self, attempt)
        if outcome.retryable is _NEVER:
            return None
        return retry_delay(self, outcome, now, hint)

    def fail_attempt(self, attempt: Attempt, error: Exception) -> float | None:
        """Record *error*; return the seconds to wait before another attempt, or None."""
        self.now = now = self.clock()
        attempt.error = error
        outcome = self.policies.classifier.error(error)
        if (
            self.callers_deadline
            and now >= self.deadline
            and (outcome is BROKEN or isinstance(error, self.service.timeouts))
        ):
            outcome = DEADLINE
        attempt.settle(outcome, now, error, 0.0)
        attempt.release()
        if self.special:
            tell_settled(self, attempt, now)
        if self.service.listening:
            tell_attempt(self, attempt)
        if outcome.retryable is _NEVER:
            return None
        return retry_delay(self, outcome, now, None)

    def body_failed(self, attempt: Attempt, error: Exception) -> None:
        """The headers were good and the body was not: that is a failure too."""
        now = self.clock()
        if not (self.callers_deadline and now >= self.deadline):
            attempt.settle(self.policies.classifier.error(error), now, error, 0.0)

    # The end

    def forget_frames(self) -> None:
        """A response goes to the caller: errors of earlier attempts need their frames no more."""
        for attempt in self.attempts:
            if attempt.error is not None:
                attempt.error.__traceback__ = None

    def forget_errors(self) -> None:
        """An error goes to the caller: break the cycle to it."""
        for attempt in self.attempts:
            attempt.error = None

    def failed(self, attempt: Attempt | None, response: Any) -> bool:
        """Whether *response* is one that a fallback or a hedge may replace."""
        outcome = self.classes[response.status_code] if attempt is None else attempt.outcome
        return outcome is not None and outcome.verdict is not Verdict.SUCCESS

    def fell_back(self, kind: str, error: BaseException | None) -> None:
        """A fallback of this *kind* answers."""
        self.fallback_used = kind
        self.service.fallbacks += 1
        if self.service.listening:
            tell_fallback(self, kind, error)

    def finished(self, status: int | None, error: BaseException | None) -> None:
        """Tell how the call ended for its caller."""
        service = self.service
        if isinstance(error, CallRejectedError):
            service.rejected += 1
        if service.listening:  # before the span is over, which the event has
            tell_end(self, status, error)
        if service.tracing is not None:
            service.tracing.call_ended(self, status, error)
        if self.injected:
            self.end = status, error, self.clock()
            if self.closed:
                finish_injections(self)

    def close(self) -> None:
        """Give back every permit still held. Idempotent."""
        if self.closed:
            return
        self.closed = True
        for attempt in self.attempts:
            if attempt.open:
                if not attempt.settled:
                    attempt.cancel(CANCELLED)
                elif attempt.fault is not None:
                    attempt.release()
                else:
                    attempt.open = False
                    attempt.target.release()
            # Without this cycle a call is freed at once, not by the collector.
            attempt.call = None
        self.last_error = None
        if self.fault is not None and self.faults is not None:
            self.faults.release(self.fault)
        if self.permit:
            self.permit = False
            self.lane.bulkhead.release()
        if self.end is not None:
            finish_injections(self)
