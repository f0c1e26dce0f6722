"""
The state of an endpoint that a service did not know.
"""

from __future__ import annotations

from typing import Any

from .._models import Endpoint
from ._endpoint_breaker import EndpointBreaker
from ._slow_start import begin_ramp
from ._target import Target


def new_target(service: Any, endpoint: Endpoint, now: float, first: bool) -> Target:
    """A target of *service*; the *first* ones need no slow start."""
    policies = service.policies
    options = policies.balancer
    breaker = EndpointBreaker(service, None, policies.breaker)
    target = Target(
        endpoint,
        baseline=service.baseline,
        breaker=breaker,
        now=now,
        decay_time=getattr(options, "decay_time", 1.0),
        idle_decay_time=getattr(options, "idle_decay_time", 5.0),
    )
    target.tls = policies.tls
    breaker.target = target
    if not first:  # a service that starts has nobody to take over its share meanwhile
        begin_ramp(target, policies.slow_start)
    return target
