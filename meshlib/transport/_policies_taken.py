"""
What a service makes of its policies, and keeps of it when they change.
"""

from __future__ import annotations

import random
from typing import Any

from ..balancing import make_balancer
from ..breaker import OutlierDetector
from ..retry import HedgePolicy, RetryBudget
from ..throttle import Throttle
from ._endpoint_breaker import EndpointBreaker
from ._policies import Policies


def balancer_of(policies: Policies, rng: random.Random) -> Any:
    """What picks the endpoints of attempts."""
    options = policies.balancer
    return options if hasattr(options, "pick") else make_balancer(options, rng)


def outliers_of(policies: Policies) -> OutlierDetector | None:
    """What ejects endpoints that do worse than their peers, if anything does."""
    return OutlierDetector(policies.outlier) if policies.outlier.enabled else None


def hedge_of(policies: Policies) -> HedgePolicy | None:
    """What says when a hedge starts, if any does."""
    return None if policies.hedge is None else HedgePolicy(policies.hedge)


def throttle_of(policies: Policies, rng: random.Random) -> Throttle | None:
    """What refuses calls that would not be accepted, if anything does."""
    return None if policies.throttle is None else Throttle(policies.throttle, rng=rng)


def take_policies(service: Any, policies: Policies) -> None:
    """Have *service* go by *policies*; what did not change keeps its state. Under its lock."""
    old, service.policies = service.policies, policies
    if old.balancer != policies.balancer:
        service.balancer = balancer_of(policies, service.rng)
    if old.outlier != policies.outlier:
        outliers, service.outliers = service.outliers, outliers_of(policies)
        if outliers is not None and service.outliers is None:
            for target in service.targets:
                outliers.readmit(target.outlier, service.clock())
    if old.hedge != policies.hedge:
        service.hedge = hedge_of(policies)
    if old.retry_options.budget != policies.retry_options.budget:
        service.budget = RetryBudget(policies.retry_options.budget)
    if old.throttle != policies.throttle:
        service.throttle = throttle_of(policies, service.rng)
    if old.bulkhead != policies.bulkhead:
        service.bulkhead.resize(policies.bulkhead)
    if old.breaker != policies.breaker:
        for target in service.targets:
            target.breaker = EndpointBreaker(service, target, policies.breaker)
    if old.tls is not policies.tls:
        for target in service.targets:
            target.tls = policies.tls
