"""
What happened, as values: one frozen type per event, sent to listeners.

A listener is called in the thread or task in which the event happened, after every lock
is released. It must not block. What it raises is logged and dropped: a listener cannot
fail a call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._models import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of every event; *service* is empty where none is concerned."""

    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished(Event):
    """An attempt ended, at its response headers or its error."""

    endpoint: Endpoint
    number: int
    outcome: str
    status: int | None
    error: BaseException | None
    elapsed: float
    fault: str | None
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished(Event):
    """
    A call ended, at its last response headers or its error.

    *route* is `default` when none matched; *destination* is what its split chose.
    """

    method: str
    status: int | None
    error: BaseException | None
    attempts: int
    elapsed: float
    route: str = "default"
    destination: str | None = None
    tenant: str | None = None


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
    """Attempt *number* failed, could have been retried, and was not; *reason* says why."""

    number: int
    outcome: str
    reason: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerChanged(Event):
    """A breaker entered another state; *shadow* when it only would have."""

    endpoint: Endpoint
    old: str
    new: str
    cause: object
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointEjected(Event):
    """An endpoint did worse than its peers and is left out for *duration* seconds."""

    endpoint: Endpoint
    reason: str
    duration: float
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointReadmitted(Event):
    """An ejected endpoint is picked again."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHealthChanged(Event):
    """Active checks found an endpoint *healthy*, or unhealthy for *reason*, unlike before."""

    endpoint: Endpoint
    healthy: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanicChanged(Event):
    """
    Health began or ceased to be ignored because too few endpoints are healthy.

    *priority* is the place of the level: 0 is the preferred one.
    """

    priority: int
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointsChanged(Event):
    """A new snapshot took the place of the old one."""

    added: tuple[Endpoint, ...]
    removed: tuple[Endpoint, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryFailed(Event):
    """A source failed; the last good snapshot, *age* seconds old, stays in force."""

    source: str
    error: BaseException
    age: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointsHeld(Event):
    """
    A snapshot lacks so many endpoints that they are kept for *duration* seconds.

    *missing* are the endpoints that it lacks; what it adds is in force already.
    """

    source: str
    missing: tuple[Endpoint, ...]
    duration: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationChanged(Event):
    """
    The registration of this process as an *instance* of the service is in a new *state*.

    It is `registered`, `lost` by the server, `failing` for *error*, or `deregistered`.
    """

    registrar: str
    instance: str
    state: str
    error: BaseException | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryChanged(Event):
    """
    The canary *revision* of a *route* has a new state, or another share of the calls.

    *old* and *new* are states, alike when only *weight*, the share from 0 to 1, changed.
    *store* is where the processes agree on it: `process` when each has its own.
    """

    route: str
    revision: str
    old: str
    new: str
    weight: float
    reason: str
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStoreChanged(Event):
    """
    The *store* of a canary's state cannot be reached, for *error*, or can again.

    While it cannot, the canary keeps the share it had.
    """

    route: str
    store: str
    reachable: bool
    error: BaseException | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationApplied(Event):
    """
    A configuration took effect; *changed* names the services whose policies are new.

    *version* is its number in `Mesh.history`.
    """

    changed: tuple[str, ...]
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationRejected(Event):
    """A configuration was invalid; the last good one stays in force."""

    error: BaseException


Listener = Callable[[Event], None]
"""Receives events; called in the thread or task of the event, and must not block."""
