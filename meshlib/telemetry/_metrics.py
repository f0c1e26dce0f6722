"""
What every service and endpoint has done so far, read off the counters when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

_QUANTILES = (0.5, 0.99)


def bucket_limit(index: int) -> float:
    """Seconds at the upper edge of bucket *index* of a histogram with two buckets an octave."""
    if index < 2:
        return (index + 1) * 1e-6
    bits, half = index >> 1, index & 1
    return float((1 << (bits - 1)) + (half + 1) * (1 << max(bits - 2, 0))) * 1e-6


def quantile(histogram: Iterable[int], share: float) -> float | None:
    """
    The latency that *share* of the counted attempts did not exceed; None without any.

    It is the upper edge of a bucket, so it is at most 41 % too high and never too low.
    """
    counts = list(histogram)
    rank = share * sum(counts)
    if not rank:
        return None
    seen = 0
    for index, count in enumerate(counts):
        seen += count
        if seen >= rank:
            return bucket_limit(index)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointMetrics:
    """
    One endpoint. Latencies are seconds, to the response headers, failures included.

    *breaker* is `closed`, `open`, `half_open` or `isolated`; *opened* how often it opened.
    """

    url: str
    in_flight: int
    attempts: int
    failures: int
    latency: float
    p50: float | None
    p99: float | None
    breaker: str
    opened: int
    ejected: bool
    healthy: bool
    weight: float
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMetrics:
    """
    One service, or one outside origin.

    *calls* are those that made an attempt; *retries* are attempts after the first, hedges
    included; *rejected* are refused calls. *discovery_age* is the seconds since its source
    last answered, None for a fixed list, and *discovery_error* why it does not answer now.
    """

    name: str
    calls: int
    attempts: int
    retries: int
    failures: int
    rejected: int
    fallbacks: int
    in_flight: int
    queued: int
    max_concurrency: int | None
    budget_balance: int
    budget_refused: int
    panic: tuple[int, ...]
    discovery_age: float | None
    discovery_error: str | None
    endpoints: Mapping[str, EndpointMetrics] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshMetrics:
    """Everything a mesh knows of its services, at one moment."""

    name: str
    services: Mapping[str, ServiceMetrics]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain mappings, lists, numbers and texts."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"mesh {self.name}"]
        for service in self.services.values():
            lines.append(
                f"{service.name}: {service.calls} calls, {service.retries} retries, "
                f"{service.rejected} rejected, {service.fallbacks} fallbacks, "
                f"{service.in_flight} in flight, {service.queued} queued"
            )
            lines.extend(map(_row, service.endpoints.values()))
        return "\n".join(lines)


def _row(endpoint: EndpointMetrics) -> str:
    p50, p99 = (
        "-" if value is None else f"{value * 1e3:.1f} ms" for value in (endpoint.p50, endpoint.p99)
    )
    state = endpoint.breaker + (", ejected" if endpoint.ejected else "")
    return (
        f"  {endpoint.url:<28} {endpoint.attempts:>7} attempts {endpoint.failures:>6} failed  "
        f"p50 {p50:>9}  p99 {p99:>9}  {state}"
    )


def measure(
    name: str, services: Iterable[Any], supervisors: Mapping[str, Any], now: float
) -> MeshMetrics:
    """Read the counters of *services* as they are *now*."""
    measured = (_service(service, supervisors.get(service.name), now) for service in services)
    return MeshMetrics(name=name, services={one.name: one for one in measured})


def _service(service: Any, supervisor: Any, now: float) -> ServiceMetrics:
    targets = service.targets
    attempts = sum(target.attempts for target in targets)
    retries = sum(target.retries for target in targets)
    status = None if supervisor is None else supervisor.status
    error = None if status is None else status.error
    bulkhead, budget = service.bulkhead, service.budget
    return ServiceMetrics(
        name=service.name,
        calls=attempts - retries,
        attempts=attempts,
        retries=retries,
        failures=sum(target.failures for target in targets),
        rejected=service.rejected,
        fallbacks=service.fallbacks,
        in_flight=bulkhead.in_flight,
        queued=bulkhead.queued,
        max_concurrency=bulkhead.max_concurrency,
        budget_balance=budget.balance(now),
        budget_refused=budget.refused,
        panic=service.pickable.panic,
        discovery_age=None if status is None else status.age(now),
        discovery_error=None if error is None else repr(error),
        endpoints={target.address: _endpoint(target, now) for target in targets},
    )


def _endpoint(target: Any, now: float) -> EndpointMetrics:
    p50, p99 = (quantile(target.histogram, share) for share in _QUANTILES)
    return EndpointMetrics(
        url=target.endpoint.url,
        in_flight=target.load.in_flight,
        attempts=target.attempts,
        failures=target.failures,
        latency=target.load.latency(now),
        p50=p50,
        p99=p99,
        breaker=target.breaker.state.value,
        opened=target.breaker.opened,
        ejected=target.outlier.ejected,
        healthy=target.healthy,
        weight=target.load.weight,
        priority=target.endpoint.priority,
    )
