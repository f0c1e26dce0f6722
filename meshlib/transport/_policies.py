"""
What a service does with its calls, compiled from the document once.

Everything here is read on the request path, so it is plain attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._models import OutcomeClass
from ..balancing import (
    BalancerOptions,
    PanicOptions,
    SlowStartOptions,
    Subsetting,
    ZoneAware,
    default_keys,
)
from ..breaker import BreakerOptions, OutlierOptions
from ..bulkhead import BulkheadOptions
from ..retry import Classifier, HedgeOptions, RetryOptions, RetryPolicy
from ..throttle import ThrottleOptions
from ._pickable import LevelsOf

KeySource = Callable[[Any], "str | None"]
"""Takes the request, returns the hash key or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The settings of one service, and the policies that hold no state between calls."""

    timeout: float
    """Seconds; infinite when there is no deadline."""
    attempt_timeout: float
    balancer: BalancerOptions | Any
    key_source: KeySource | None
    retry: RetryPolicy
    retry_options: RetryOptions
    methods: frozenset[str]
    """The idempotent ones."""
    max_attempts: int
    classifier: Classifier
    classes: tuple[OutcomeClass, ...]
    """By status, as far as a status alone tells."""
    hedge: HedgeOptions | None
    breaker: BreakerOptions
    outlier: OutlierOptions
    bulkhead: BulkheadOptions
    slow_start: SlowStartOptions
    panic: PanicOptions
    fallback: Any
    authority: bytes | None
    """The Host to send: None is the endpoint's own."""
    grpc_timeout: bool
    idempotent: bool | None
    ready_timeout: float
    """Seconds a call waits for the first snapshot of its service."""
    throttle: ThrottleOptions | None = None
    wire_headers: bool = True
    """Whether attempts carry the mesh's own headers."""
    load_reports: bool = False
    """Whether they ask for reports of load, which the balancer learns from."""
    levels: LevelsOf = default_keys
    zones: ZoneAware | None = None
    subsetting: Subsetting | None = None
    tls: Any = None
    """The `Credentials` that its endpoints are spoken to with."""
