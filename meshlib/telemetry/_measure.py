"""
Metrics, read off the counters of services and targets when somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from .._redact import redacted, redacted_error
from ._metrics import CanaryMetrics, EndpointMetrics, MeshMetrics, MirrorMetrics, ServiceMetrics

_NONE: Mapping[str, Any] = {}
_FOUND = {True: "healthy", False: "unhealthy", None: "unknown"}


def bucket_limit(index: int) -> float:
    """
    Seconds at the upper edge of bucket *index* of a target's histogram.

    There are two buckets to an octave, from 1 µs up: a latency of *n* whole microseconds,
    whose binary form has *b* digits, is in bucket 2b, or in 2b+1 when the second digit is
    1. Below 2 µs, bucket *n* has them; buckets 2 and 3 stay empty.
    """
    if index < 2:
        return (index + 1) * 1e-6
    bits, half = index >> 1, index & 1
    return float((1 << (bits - 1)) + (half + 1) * (1 << max(bits - 2, 0))) * 1e-6


def quantile(histogram: Iterable[int], share: float) -> float | None:
    """
    The latency that *share* of the counted attempts did not exceed; None without any.

    It is the upper edge of a bucket: never too low, and at most half as high again.
    """
    counts = list(histogram)
    rank = share * sum(counts)
    if not rank:
        return None
    index = -1
    while rank > 0:
        index += 1
        rank -= counts[index]
    return bucket_limit(index)


def measure(
    name: str,
    services: Iterable[Any],
    supervisors: Mapping[str, Any],
    now: float,
    mirrors: Mapping[str, Mapping[str, Any]] = _NONE,
    canaries: Mapping[str, Mapping[str, CanaryMetrics]] = _NONE,
    *,
    inbound: Any = None,
    certificates: Mapping[str, float] = _NONE,
    stalls: tuple[int, float] = (0, 0.0),
) -> MeshMetrics:
    """
    The metrics of the mesh *name*, *now*.

    *supervisors* are those of the services that are discovered, by name; *mirrors* are the
    counts of mirrors, by service and name, and *canaries* those of its routes. *inbound*
    is what it serves, *certificates* when they expire, by name; *stalls* are the number and
    the seconds of those of its event loops.
    """
    measured = (
        _service(
            service,
            supervisors.get(service.name),
            now,
            mirrors.get(service.name, _NONE),
            canaries.get(service.name, _NONE),
        )
        for service in services
    )
    return MeshMetrics(
        name=name,
        services={one.name: one for one in measured},
        inbound=inbound,
        certificates=dict(certificates),
        stalls=stalls[0],
        stalled=stalls[1],
    )


def _service(
    service: Any,
    supervisor: Any,
    now: float,
    mirrors: Mapping[str, Any],
    canaries: Mapping[str, CanaryMetrics],
) -> ServiceMetrics:
    status = None if supervisor is None else supervisor.status
    error = None if status is None else status.error
    bulkhead, budget = service.bulkhead, service.budget
    checks = None if service.health is None else service.health.snapshot()
    targets, left = service.counted()
    endpoints = {target.address: _endpoint(target, checks, now) for target in targets}
    retries, failures, attempts = _sums(left, left.draining, endpoints.values())
    return ServiceMetrics(
        name=service.name,
        calls=attempts - retries,
        attempts=attempts,
        retries=retries,
        failures=failures,
        rejected=service.rejected,
        fallbacks=service.fallbacks,
        in_flight=bulkhead.in_flight,
        queued=bulkhead.queued,
        max_concurrency=bulkhead.max_concurrency,
        bulkhead_rejected=bulkhead.rejected,
        bulkhead_abandoned=bulkhead.abandoned,
        budget_balance=budget.balance(now),
        budget_refused=budget.refused,
        panic=service.pickable.panic,
        discovery_age=None if status is None else status.age(now),
        discovery_error=None if error is None else redacted_error(error),
        discovery_held=0 if status is None else status.held,
        retry_guard=service.guard.active,
        retries_withheld=service.guard.withheld,
        throttle=0.0 if service.throttle is None else service.throttle.share(now),
        throttled=0 if service.throttle is None else service.throttle.rejected,
        endpoints=endpoints,
        canaries=dict(canaries),
        mirrors={name: _mirror(counts) for name, counts in mirrors.items()},
    )


def _mirror(counts: Any) -> MirrorMetrics:
    return MirrorMetrics(
        offered=counts.offered,
        sent=counts.sent,
        failed=counts.failed,
        compared=counts.compared,
        different=counts.different,
        dropped=counts.dropped,
    )


def _sums(left: Any, *counted: Iterable[Any]) -> tuple[int, int, int]:
    """Retries, failures and attempts of the endpoints that left, and of all that are *counted*."""
    retries, failures, attempts = left.retries, left.failures, left.attempts
    for one in chain(*counted):
        # In this order, or a retry that begins meanwhile would be a retry without an attempt.
        retries += one.retries
        failures += one.failures
        attempts += one.attempts
    return retries, failures, attempts


def _endpoint(target: Any, checks: Mapping[str, Any] | None, now: float) -> EndpointMetrics:
    # In this order, or a retry that begins meanwhile would be a retry without an attempt.
    retries, failures = target.retries, target.failures
    attempts = target.attempts
    histogram = tuple(target.histogram)
    check = None if checks is None else checks.get(target.address)
    found = None if check is None else check.healthy
    return EndpointMetrics(
        url=redacted(target.endpoint.url),
        in_flight=target.load.in_flight,
        attempts=attempts,
        retries=retries,
        failures=failures,
        latency=target.load.latency(now),
        p50=quantile(histogram, 0.5),
        p99=quantile(histogram, 0.99),
        breaker=target.breaker.state.value,
        opened=target.breaker.opened,
        admits=target.breaker.is_available(now),
        ejected=target.outlier.ejected,
        healthy=target.healthy,
        checked="unchecked" if checks is None else _FOUND[found],
        checked_age=None if check is None else check.age(now),
        checked_reason="" if check is None else check.reason,
        weight=target.load.weight,
        priority=target.endpoint.priority,
    )
