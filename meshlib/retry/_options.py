"""What a user may set about retries and hedges."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from .._options import Duration, Options, PositiveDuration, Ratio

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


class BackoffOptions(Options):
    """The wait before a retry, which a server's own hint replaces."""

    kind: Literal["exponential", "fibonacci", "linear", "constant"] = "exponential"
    initial: Duration = 0.025
    """Seconds before the first retry; Envoy's default."""
    max: Duration = 1.0
    multiplier: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    """Growth of an exponential backoff."""
    increment: Duration | None = None
    """Growth of a linear backoff; null grows by *initial*."""
    jitter: Literal["full", "equal", "none"] = "full"
    """Full jitter draws from 0 to the wait (AWS); equal keeps half of it."""


class BudgetOptions(Options):
    """How many retries and hedges may be made for the calls that came (Finagle's budget)."""

    ratio: Ratio = 0.1
    """Retries per call; 0.1 stays stable up to 90 % load."""
    min_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0
    """Retries that are always allowed; Finagle's default."""
    ttl: Annotated[PositiveDuration, Field(ge=0.001)] = 10.0
    """Seconds until a deposit expires, 0.001 or more; Finagle's default."""


class RetryOptions(Options):
    """Whether an attempt that failed is tried again, how often and when."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Attempts including the first, hedges included; AWS's default."""
    backoff: BackoffOptions = BackoffOptions()
    wait: Any = None
    """Any tenacity wait strategy, from Python only; replaces *backoff*."""
    budget: BudgetOptions = BudgetOptions()
    guard: bool = True
    """
    Whether retries and hedges are withheld while calls need more attempts than before and
    fewer of them are answered well: they then feed an overload, and get no call through.
    """
    statuses: frozenset[Annotated[int, Field(ge=400, le=599)]] = frozenset({502, 503, 504})
    """Statuses tried again for idempotent calls, beside 429 and 503 with Retry-After."""
    methods: frozenset[str] = IDEMPOTENT_METHODS
    """Methods that are idempotent; a call or an Idempotency-Key header can say so too."""
    max_hint: Duration = 300.0
    """Longest wait a server may ask for; Envoy's cap."""
    buffer_body: Annotated[int, Field(ge=0)] = 0
    """Bytes of a streamed body kept to send it again; 0 sends such a body once."""

    @model_validator(mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        if value is False:
            return {"max_attempts": 1}
        if value is True:
            return {}
        return value

    @field_validator("wait")
    @classmethod
    def _callable(cls, value: Any) -> Any:
        if value is not None and not callable(value):
            raise ValueError("wait is a tenacity wait strategy; a document sets backoff instead")
        return value

    @field_validator("methods")
    @classmethod
    def _upper(cls, value: frozenset[str]) -> frozenset[str]:
        return frozenset(method.upper() for method in value)


class HedgeOptions(Options):
    """When a second attempt starts before the first has ended (gRPC A6, Finagle)."""

    delay: PositiveDuration | None = None
    """Seconds before the hedge; null waits for *quantile* of recent latency instead."""
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """0.95 costs at most 5 % more requests (The Tail at Scale)."""
    max_hedges: Annotated[int, Field(ge=1)] = 1
    min_delay: PositiveDuration = 0.001
    """Finagle's floor for a measured delay."""
