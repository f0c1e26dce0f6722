"""
What happened to calls and their attempts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._models import Endpoint
from ._event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished(Event):
    """An attempt ended, at its response headers or its error; *span* is that of its call."""

    endpoint: Endpoint
    number: int
    outcome: str
    status: int | None
    error: BaseException | None
    elapsed: float
    fault: str | None
    method: str = ""
    span: Any = None
    stalled: float = 0.0
    """Seconds of *elapsed* in which the caller's own event loop stood still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished(Event):
    """
    A call ended, at its last response headers or its error.

    *route* is `default` when none matched; *destination* is what its split chose. *span* is
    OpenTelemetry's, None where nothing traces.
    """

    method: str
    status: int | None
    error: BaseException | None
    attempts: int
    elapsed: float
    route: str = "default"
    destination: str | None = None
    tenant: str | None = None
    span: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRejected(Event):
    """A call was refused by the mesh itself."""

    error: BaseException


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled(Event):
    """Attempt *number* failed and another follows after *delay* seconds."""

    number: int
    outcome: str
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRefused(Event):
    """
    Attempt *number* failed, could have been retried, and was not; *reason* says why.

    It is `attempts`, `spent` (whoever answered has tried again already), `allowance` (this
    is done for a retry), `not idempotent`, `body`, `no endpoint`, `deadline`, `guard`
    (retries feed an overload) or `budget`.
    """

    number: int
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryGuardChanged(Event):
    """
    Retries and hedges of the service are withheld from now on, or no longer.

    They are while calls need more attempts and fewer are answered well: `RetryGuard`.
    """

    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeStarted(Event):
    """Attempt *number* began before the one before it had ended."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInjected(Event):
    """Fault rules act on an attempt or a call; names and kinds of several are joined by "+"."""

    rule: str
    delay: float
    status: int | None
    error: str | None
    kind: str = ""
    phase: str = "attempt"
    injections: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionFinished(Event):
    """A call that met a fault is over; *injection* is a complete `meshlib.faults.Injection`."""

    injection: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackUsed(Event):
    """A fallback answered instead of an error or a failed response."""

    kind: str
    error: BaseException | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorFinished(Event):
    """
    A copy of a call was sent to *endpoint* by a *mirror* of a *route*, and has ended.

    *status* is None when no answer came; *error* says why, or why its body broke off.
    """

    route: str
    mirror: str
    endpoint: Endpoint
    method: str
    status: int | None
    error: BaseException | None
    elapsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorDiffered(Event):
    """
    A copy of a call was answered otherwise than the call itself.

    *comparison* is a `meshlib.routing.mirror.Comparison`. *request_id* is what both
    requests had in `x-request-id`, if they had one.
    """

    route: str
    mirror: str
    method: str
    path: str
    request_id: str
    comparison: Any
