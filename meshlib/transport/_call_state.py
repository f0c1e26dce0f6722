"""
What a call knows, and what only some calls ask of it.

The base of `Call`, which has the decisions that every request goes through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._clock import Clock
from .._exceptions import CallRejectedError
from .._models import CallOptions, Verdict
from ._aftermath import finish_injections
from ._beginning import is_idempotent
from ._telling import tell_end, tell_fallback

if TYPE_CHECKING:
    from ..faults import FaultPlan
    from ._attempt import Attempt
    from ._policies import Policies
    from ._service import Service
    from ._target import Target


class CallState:
    """The attributes of a call, and its less frequent moments."""

    attempt_timeout: float
    """Seconds for each attempt; may be infinite."""
    body: Any
    clock: Clock
    deadline: float
    """The instant by which it must have ended; may be infinite."""
    faults: FaultPlan | None
    lane: Any
    """The `Lane` that it takes, or its service."""
    now: float
    """When its last decision was made."""
    policies: Policies
    replayable: bool
    """Whether its body can be sent twice."""
    request: Any
    service: Service
    started: float

    # Defaults stand on the class, because one call is made for every request.
    attempts: Sequence[Attempt] = ()
    authorization: Any = None
    """What was decided about it; None where nothing decides."""
    body_error: str | None = None
    callers_deadline = False
    closed = False
    counted = False  # until a throttle knows its outcome
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
    options: CallOptions | None = None
    permit = False
    refused: str | None = None
    """Why its last attempt that failed was not tried again; a reason of `RetryRefused`."""
    request_id: bytes | None = None
    routed: Any = None
    """What routes decided; None for a service without any."""
    span: Any = None
    special = False
    """It is not what most calls are: it needs a closer look, or had more than one good attempt."""
    tried: Sequence[Target] = ()
    unprepared = False
    waited = 0.0

    @property
    def idempotent(self) -> bool:
        """Whether the request may be sent twice."""
        return is_idempotent(self)

    @property
    def max_attempts(self) -> int:
        """Attempts that it may make, hedges included."""
        once = self.options is not None and self.options.retry is False
        return 1 if once else self.policies.max_attempts

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

    def body_failed(self, attempt: Attempt, error: Exception) -> None:
        """The headers were good and the body was not: that is a failure too."""
        now = self.clock()
        if not (self.callers_deadline and now >= self.deadline):
            attempt.settle(self.policies.classifier.error(error), now, error, 0.0)

    def forget_frames(self) -> None:
        """A response goes to the caller: errors of earlier attempts need their frames no more."""
        for attempt in self.attempts:
            if attempt.error is not None:
                attempt.error.__traceback__ = None

    def forget_errors(self) -> None:
        """An error goes to the caller: break the cycle to it."""
        for attempt in self.attempts:
            attempt.error = None

    def answered(self, attempt: Attempt | None, response: Any) -> None:
        """A special call has a response for its caller: look after its routes and errors."""
        if self.routed is not None:
            self.routed.respond(self, attempt, response)
        if self.number > 1:
            self.forget_frames()

    def failed(self, attempt: Attempt | None, response: Any) -> bool:
        """Whether *response* is one that a fallback or a hedge may replace."""
        classes = self.policies.classes
        outcome = classes[response.status_code] if attempt is None else attempt.outcome
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
