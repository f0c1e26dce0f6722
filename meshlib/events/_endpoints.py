"""
What happened to endpoints, and to what is known of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._models import Endpoint
from ._event import Event


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
