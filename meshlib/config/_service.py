"""
What may be said of one service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, field_validator, model_validator

from .._exceptions import ConfigurationError
from .._models import Endpoint
from .._options import Duration, Options, PositiveDuration
from .._problems import error_of, problems_of
from ..balancing import (
    BalancerOptions,
    FunctionBalancer,
    PanicOptions,
    PreferOptions,
    SlowStartOptions,
    SubsettingOptions,
    ZoneAwareOptions,
    parse_locality,
)
from ..breaker import BreakerOptions, OutlierOptions
from ..bulkhead import BulkheadOptions
from ..discovery import DropGuardOptions, check_discovery, parse_endpoint
from ..health import HealthCheckOptions
from ..retry import HedgeOptions, RetryOptions
from ..routing import AffinityOptions, Routes
from ..security import TLSOptions
from ..security.tokens import TokenOptions, token_options
from ..throttle import ThrottleOptions
from ._fallback import FallbackOptions
from ._names import service_name
from ._switches import switched

_AUTHORITY = re.compile(r"[!-.0-~]+")  # printable ASCII without blanks and slashes


def _switch(section: str) -> BeforeValidator:
    """Lets a section be switched by true and false; null is its defaults."""
    return BeforeValidator(lambda said: {} if said is None else switched(section, None, said))


def _optional(value: Any) -> Any:
    """Lets a section that is off by default be switched: true is on with its defaults."""
    if value is False:
        return None
    return {} if value is True else value


def _balancer(value: Any) -> Any:
    if isinstance(value, type) and hasattr(value, "pick"):
        raise ValueError(f"a balancer is needed, not the class; write {value.__name__}()")
    if callable(getattr(value, "pick", None)):
        return value
    if callable(value):
        return FunctionBalancer(value)
    try:
        return BalancerOptions.model_validate(value)
    except ConfigurationError as exc:
        # Its name alone is the usual way to write a balancer.
        raise error_of(
            problem._replace(place=()) if problem.place == ("name",) else problem
            for problem in problems_of(exc)
        ) from None


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str | Mapping | PreferOptions) else value


def _fallback(value: Any) -> Any:
    if value is None or value is False or callable(value):
        return value or None
    return FallbackOptions.model_validate(value)


def _discovery(value: Any) -> Any:
    if value is not None:
        check_discovery(value, "")
    return value


class ServiceConfig(Options):
    """
    One service: where it is, and how it is called.

    What is not said is inherited from `defaults` of the document, key by key, and then is
    the default given here.
    """

    endpoints: tuple[Annotated[Endpoint, PlainValidator(parse_endpoint)], ...] = ()
    """URLs, mappings with a `url`, or endpoints."""
    manifest: Any = None
    """A manifest that this is laid over when the document is loaded: a file, or a mapping."""
    aliases: tuple[str, ...] = ()
    """Other hosts that mean this service."""
    discovery: Annotated[Any, PlainValidator(_discovery)] = None
    """What finds the endpoints instead: a name, `{name: settings}`, or an object with `watch`."""
    discovery_timeout: Duration | None = 5.0
    """Seconds that a first call waits for the first endpoints; null: its whole deadline."""
    health_check: Annotated[HealthCheckOptions | None, BeforeValidator(_optional)] = None
    """Active checks of the endpoints; null: only calls tell how an endpoint is."""
    update_interval: Duration = 0.1
    """Seconds between two updates of the endpoints; of what comes meanwhile the last counts."""
    drop_guard: Annotated[DropGuardOptions, _switch("drop_guard")] = DropGuardOptions()
    """When a snapshot that lacks many endpoints at once is not believed at first."""
    timeout: PositiveDuration | None = 15.0
    """Seconds for a whole call, attempts and backoffs included; Envoy's default. Null: no end."""
    attempt_timeout: PositiveDuration | None = None
    """Seconds for one attempt; null: what is left of the call, as in Envoy."""
    idempotent: bool | None = None
    """Whether every request may be sent twice; null: its method says so."""
    balancer: Annotated[BalancerOptions | Any, PlainValidator(_balancer)] = BalancerOptions()
    """Which endpoint takes an attempt; also an object with `pick`, or a function like it."""
    prefer: Annotated[tuple[PreferOptions, ...] | None, BeforeValidator(_one_or_many)] = None
    """
    What sorts endpoints into levels, the first criterion first; the next level gets traffic
    when too few endpoints of one are fit. Null: their `priority`, then their `kind`.
    """
    zone_aware: Annotated[ZoneAwareOptions | None, BeforeValidator(_optional)] = None
    """Keeps traffic of the first level in the own zone as far as that can take it; null: no."""
    own_zone: str | None = None
    """Where this application runs; null: as `zone` of the document says."""
    subsetting: Annotated[SubsettingOptions | None, BeforeValidator(_optional)] = None
    """Uses but some endpoints of a large service; null: all of them."""
    slow_start: Annotated[SlowStartOptions, _switch("slow_start")] = SlowStartOptions()
    panic: Annotated[PanicOptions, _switch("panic")] = PanicOptions()
    retry: Annotated[RetryOptions, _switch("retry")] = RetryOptions()
    hedge: Annotated[HedgeOptions | None, BeforeValidator(_optional)] = None
    """Null: no hedges, as they cost the service requests."""
    breaker: Annotated[BreakerOptions, _switch("breaker")] = BreakerOptions()
    outlier: Annotated[OutlierOptions, _switch("outlier")] = OutlierOptions()
    bulkhead: Annotated[BulkheadOptions, _switch("bulkhead")] = BulkheadOptions()
    throttle: Annotated[ThrottleOptions | None, BeforeValidator(_optional)] = None
    """
    Refuses calls that the service would most likely not accept. Null: none is, as the default
    limit of the bulkhead spares a service that loses what it is sent.
    """
    fallback: Annotated[FallbackOptions | Any, PlainValidator(_fallback)] = None
    """What answers when a call fails; also a callable that takes the request and the error."""
    routes: Routes = ()
    """Which version takes a call, and how; the first that matches is followed."""
    affinity: Annotated[AffinityOptions | None, BeforeValidator(_optional)] = None
    """Keeps sessions on one endpoint; null: every call is balanced."""
    authority: str = "endpoint"
    """The Host header and TLS name: the `endpoint`'s, the `service`'s, or this very text."""
    tls: Annotated[TLSOptions | None, BeforeValidator(_optional)] = None
    """
    Certificate to show, roots to trust and identity to find at `https` endpoints; null: as the
    client says by `verify` and `cert`. Never for outside origins.
    """
    token: Annotated[TokenOptions | Any, PlainValidator(token_options)] = None
    """
    The bearer token that calls are made with: `{file: ...}`, `{variable: ...}` or
    `{client_credentials: ...}`; in code also a function. Outside origins never get it.
    """
    grpc_timeout: bool = False
    """Whether attempts also tell the time left in a `grpc-timeout` header."""

    @property
    def says_where(self) -> bool:
        """Whether this names endpoints, if only none, or a source of them."""
        return self.discovery is not None or "endpoints" in self.model_fields_set

    @field_validator("endpoints", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str | Endpoint) else value

    @field_validator("endpoints")
    @classmethod
    def _distinct(cls, value: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        seen: dict[str, Endpoint] = {}
        for endpoint in value:
            if seen.setdefault(endpoint.address, endpoint) is not endpoint:
                raise ValueError(
                    f"{endpoint.url!r} stands here twice; to send it more, give it a weight"
                )
        return value

    @field_validator("aliases")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = (service_name(alias, f"[{n}]") for n, alias in enumerate(value))
        return tuple(dict.fromkeys(names))

    @field_validator("own_zone")
    @classmethod
    def _place(cls, value: str | None) -> str | None:
        parse_locality(value or "")
        return value

    @field_validator("authority")
    @classmethod
    def _header(cls, value: str) -> str:
        if not _AUTHORITY.fullmatch(value):
            raise ValueError(f"{value!r} cannot be a Host header; write a host, or host:port")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> ServiceConfig:
        if self.endpoints and self.discovery is not None:
            raise ValueError("give endpoints or discovery, not both")
        return self
