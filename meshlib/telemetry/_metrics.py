"""
What every service and endpoint has done so far, as values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ._table import render


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointMetrics:
    """
    One endpoint, since it was first discovered.

    *failures* are attempts that its breaker counts as such. Latencies are seconds up to
    the response headers, failures included: *latency* is the moving average that balancers
    compare, 0.0 when nothing is known, and *p50* and *p99* are of all attempts so far,
    None without any, and at most half as high again as they should be.

    *breaker* is `closed`, `open`, `half_open` or `isolated`; *opened* how often it opened,
    and *admits* whether it would let a call through now, if only as a probe. That, and
    *ejected*, are judged by calls.

    *checked* is what active checks found: `healthy` or `unhealthy`, `unknown` before the
    first result, `unchecked` where none are made; *checked_age* is the seconds since the
    last result, None before the first, and *checked_reason* why that one failed. *healthy*
    is what picks go by: the state that checks found, or what was assumed before the first.

    *weight* is the one in force, which slow start lowers.
    """

    url: str
    in_flight: int
    attempts: int
    retries: int
    failures: int
    latency: float
    p50: float | None
    p99: float | None
    breaker: str
    opened: int
    admits: bool
    ejected: bool
    healthy: bool
    checked: str
    checked_age: float | None
    checked_reason: str
    weight: float
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorMetrics:
    """
    One mirror: what became of the copies of calls.

    Each of the *offered* was *sent*, waits, or was *dropped*, by reason: `full` (the queue
    is), `body` (it can be sent only once, or is too long), `unreachable` (connections were
    refused just before), `no_endpoint`, `transport` (clients were given one of their own),
    or `closing`. *failed* were sent and brought no answer. *compared* are pairs of answers,
    *different* those of them that were not the same.
    """

    offered: int
    sent: int
    failed: int
    compared: int
    different: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryMetrics:
    """
    The canary of one route: its *state*, and *weight*, its share of the calls.

    *reachable* is whether its store could be reached the last time; while it cannot, the
    weight stays as it was. *failed* counts failed checks of this revision.
    """

    revision: str
    state: str
    weight: float
    failed: int
    reachable: bool
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMetrics:
    """
    One service, or one outside origin; *endpoints* by their address.

    *calls* are those that made an attempt, and *retries* the attempts after the first,
    hedges included; these and *attempts* and *failures* also count what endpoints did that
    have left, so they never fall. *rejected* are calls that the mesh refused, for whatever
    reason.

    *in_flight*, *queued* and *max_concurrency* are the bulkhead's; *bulkhead_rejected*
    calls found its queue full, *bulkhead_abandoned* ones left it without a permit.
    *budget_balance* retries could be made now, and *budget_refused* were refused so far.
    *retries_withheld* were by the guard, which withholds them now if *retry_guard*. *throttled*
    calls were refused by the throttle, and of those made now a share of *throttle*.
    *panic* lists the levels where health is ignored, the preferred one as 0.

    *discovery_age* is the seconds since the endpoints were known to be right: 0 while the
    source works, None for a fixed list or before the first answer. *discovery_error* is why
    it does not work now, and *discovery_held* how many endpoints are kept though its last
    list lacks them.

    *canaries* are those of its routes, by the route's name, or `route/tenant` where a
    tenant has one of its own. *mirrors* are those of its routes, by `route/mirror`. Their
    copies count nowhere else.
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
    bulkhead_rejected: int
    bulkhead_abandoned: int
    budget_balance: int
    budget_refused: int
    panic: tuple[int, ...]
    discovery_age: float | None
    discovery_error: str | None
    discovery_held: int = 0
    retry_guard: bool = False
    retries_withheld: int = 0
    throttle: float = 0.0
    throttled: int = 0
    endpoints: Mapping[str, EndpointMetrics] = field(default_factory=dict)
    canaries: Mapping[str, CanaryMetrics] = field(default_factory=dict)
    mirrors: Mapping[str, MirrorMetrics] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshMetrics:
    """
    Everything a mesh knows of its services, by their names; its text is a small table.

    Counters are read one after the other while calls go on, so two of them may differ by
    the calls of that moment. *inbound* is the `meshlib.inbound.InboundMetrics` of requests
    that are served, None where there are none; *certificates* are the instants at which
    its certificates expire, by their names, in seconds since 1970. *stalls* is how often an
    event loop of this process stood still during calls, *stalled* the seconds of all of them.
    """

    name: str
    services: Mapping[str, ServiceMetrics]
    inbound: Any = None
    certificates: Mapping[str, float] = field(default_factory=dict)
    stalls: int = 0
    stalled: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists, numbers and texts, ready for JSON."""
        data = asdict(self)
        for service in data["services"].values():
            service["panic"] = list(service["panic"])
        return data

    def __str__(self) -> str:
        return "\n".join([f"mesh {self.name}", *map(_service_text, self.services.values())])


_TITLES = (
    "endpoint", "breaker", "in flight", "attempts", "failed", "average", "p50", "p99", "",
)  # fmt: skip


def _service_text(service: ServiceMetrics) -> str:
    facts = [
        f"{service.calls} calls",
        f"{service.retries} retries",
        f"{service.rejected} rejected",
        f"{service.fallbacks} fallbacks",
        f"{service.in_flight} in flight",
        f"{service.queued} queued",
        f"{service.budget_balance} retries left",
    ]
    if service.retry_guard:
        facts.append("retries are withheld")
    if service.throttle:
        facts.append(f"{service.throttle:.0%} of the calls are refused")
    if service.panic:
        facts.append("panic at priority " + ", ".join(map(str, service.panic)))
    if service.discovery_error is not None:
        age = service.discovery_age
        since = "no endpoints yet" if age is None else f"the list is {age:.1f} s old"
        facts.append(f"discovery fails, {since}: {service.discovery_error}")
    lines = [f"{service.name}: {', '.join(facts)}"]
    if service.endpoints:
        rows = [_TITLES, *map(_row, service.endpoints.values())]
        lines += ["  " + line for line in render(rows, left=(0, 1, len(_TITLES) - 1))]
    lines += [f"  mirror {name}: {_copies(mirror)}" for name, mirror in service.mirrors.items()]
    return "\n".join(lines)


def _copies(mirror: MirrorMetrics) -> str:
    dropped = "".join(f", {number} {reason}" for reason, number in mirror.dropped.items())
    return (
        f"{mirror.sent} of {mirror.offered} copies sent{dropped}, {mirror.failed} failed, "
        f"{mirror.different} of {mirror.compared} different"
    )


def _row(endpoint: EndpointMetrics) -> tuple[str, ...]:
    latencies = (endpoint.latency or None, endpoint.p50, endpoint.p99)
    return (
        endpoint.url,
        endpoint.breaker,
        str(endpoint.in_flight),
        str(endpoint.attempts),
        str(endpoint.failures),
        *("-" if value is None else f"{value * 1e3:.1f} ms" for value in latencies),
        ", ".join(_notes(endpoint)),
    )


def _notes(endpoint: EndpointMetrics) -> Iterator[str]:
    if endpoint.ejected:
        yield "ejected"
    if not endpoint.healthy:
        yield "unhealthy"
    if endpoint.checked_reason:
        yield f"checked {endpoint.checked_age or 0.0:.1f} s ago: {endpoint.checked_reason}"
