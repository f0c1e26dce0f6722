"""
What became of one call, for the one who made it.

A report is built for every response and read for few, so it only points at what the call
knows and works the rest out when it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._models import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReport:
    """
    One attempt of a call.

    *started* and *elapsed* are seconds, *started* counted from the beginning of the call.
    *outcome* is a row of the outcome table, such as `success` or `never_sent`. *chosen*
    says why this endpoint, *skipped* why not the others, by their address. *fault* names the
    rules that acted on it, *fault_kind* what they did. *upstream_faults* are those that acted
    beyond the endpoint, or in it, `<service>/<rule>` each, as a failed answer tells.
    *stalled* are the seconds of *elapsed* in which the event loop of this process stood still,
    which is not held against the endpoint.
    """

    number: int
    endpoint: Endpoint
    started: float
    elapsed: float
    outcome: str | None
    status: int | None
    error: BaseException | None
    fault: str | None
    fault_kind: str | None = None
    hedge: bool
    chosen: str
    skipped: Mapping[str, str]
    upstream_faults: tuple[str, ...] = ()
    stalled: float = 0.0


class CallReport:
    """
    What became of one call: `response.extensions["mesh"]`.

    Reading it costs more than making it; it stays true after the response is closed.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    @property
    def service(self) -> str:
        """The name of the service, or the origin of an outside call."""
        return str(self._call.service.name)

    @property
    def route(self) -> str:
        """The route that the call took; `default` where none matched."""
        routed = self._call.routed
        return "default" if routed is None or routed.route is None else str(routed.route.name)

    @property
    def destination(self) -> str | None:
        """The destination that the route's split chose; None without a route."""
        destination = None if self._call.routed is None else self._call.lane.destination
        return None if destination is None else str(destination.name)

    @property
    def tenant(self) -> str | None:
        """For whom the call was made; None for nobody in particular."""
        tenant: str | None = None if self._call.routed is None else self._call.lane.tenant
        return tenant

    @property
    def skipped_routes(self) -> Mapping[str, str]:
        """The routes before the one taken and why they did not match; only from `explain`."""
        routed = self._call.routed
        return {} if routed is None else dict(routed.skipped)

    @property
    def authorization(self) -> Any:
        """
        What `outbound.authorization` decided, a `meshlib.security.authorization.Decision`.

        None without such rules. In the report of a call that was made it is allowed; one of
        `explain` may tell that the call would be denied.
        """
        return self._call.authorization

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint that gave the response; None when no attempt was made."""
        attempts = self._call.attempts
        answered = [a for a in attempts if a.status is not None] or attempts
        return answered[-1].target.endpoint if answered else None

    @property
    def attempts(self) -> tuple[AttemptReport, ...]:
        """Every attempt in the order in which they began."""
        return tuple(_attempt(self._call, attempt) for attempt in self._call.attempts)

    @property
    def waited(self) -> float:
        """Seconds spent in the bulkhead's queue and waiting for the first snapshot."""
        return float(self._call.waited)

    @property
    def elapsed(self) -> float:
        """Seconds from the beginning of the call to the last decision about it."""
        return float(self._call.now - self._call.started)

    @property
    def retry_refused(self) -> str | None:
        """
        Why the last attempt that failed was not tried again: a reason of `RetryRefused`.

        Such as `attempts`, `budget` or `guard`; None where nothing failed for good.
        """
        reason: str | None = self._call.refused
        return reason

    @property
    def budget_left(self) -> int:
        """Retries that the service's budget allows at the moment of reading."""
        call = self._call
        return int(call.lane.budget.balance(call.clock()))

    @property
    def fallback(self) -> str | None:
        """`value`, `callable` or `cached` when a fallback answered, else None."""
        kind: str | None = self._call.fallback_used
        return kind

    @property
    def injected(self) -> tuple[str, ...]:
        """Names of the fault rules that acted on this call, in order."""
        return tuple(fault.rule for fault, _ in self._call.injected)

    @property
    def injections(self) -> tuple[Any, ...]:
        """
        Each thing that was injected into this call, a `meshlib.faults.Injection`.

        How the call was answered is in them once the response is closed.
        """
        return tuple(one for fault, _ in self._call.injected for one in fault.injections)

    @property
    def upstream_faults(self) -> tuple[str, ...]:
        """
        What was injected by the services called, or by those that they call.

        Named `<service>/<rule>`, as far as failed answers told of it.
        """
        told = (name for attempt in self._call.attempts for name in attempt.upstream_faults)
        return tuple(dict.fromkeys(told))

    @property
    def request_id(self) -> str | None:
        """The `x-request-id` that the attempts carried, when the mesh made it."""
        made = self._call.request_id
        return None if made is None else str(made.decode("ascii"))

    def __repr__(self) -> str:
        outcomes = ", ".join(f"{a.endpoint.url} {a.outcome}" for a in self.attempts)
        return f"<CallReport {self.service}: {outcomes or 'no attempt'}>"

    def __str__(self) -> str:
        count = len(self.attempts)
        plural = "" if count == 1 else "s"
        lines = [f"{self.service}: {count} attempt{plural}, {self.elapsed * 1e3:.1f} ms"]
        if self.destination is not None:
            lines.append(f"  by the route {self.route!r} to {self.destination!r}")
        lines.extend(f"     not {route!r}: {why}" for route, why in self.skipped_routes.items())
        if self.authorization is not None:
            lines.append(f"  {self.authorization}")
        for attempt in self.attempts:
            if attempt.outcome is None:
                lines.append(f"  would go to {attempt.endpoint.url}: {attempt.chosen}")
                lines.extend(f"     not {where}: {why}" for where, why in attempt.skipped.items())
                continue
            end = attempt.status if attempt.error is None else repr(attempt.error)
            lines.append(
                f"  {attempt.number}. {attempt.endpoint.url} {attempt.outcome} ({end}) "
                f"at {attempt.started * 1e3:.1f} ms for {attempt.elapsed * 1e3:.1f} ms: "
                f"{attempt.chosen}"
            )
            if attempt.stalled:
                lost = attempt.stalled * 1e3
                lines.append(f"     our own loop stood still for {lost:.1f} ms of it")
            lines.extend(f"     not {where}: {why}" for where, why in attempt.skipped.items())
        if self.retry_refused:
            lines.append(f"  not tried again: {self.retry_refused}")
        if self.upstream_faults:
            lines.append(f"  injected upstream: {', '.join(self.upstream_faults)}")
        if self.fallback:
            lines.append(f"  answered by a fallback: {self.fallback}")
        return "\n".join(lines)


def _attempt(call: Any, attempt: Any) -> AttemptReport:
    pickable = attempt.pickable
    skipped = {target.address: reason for target, reason in pickable.skipped}
    skipped.pop(attempt.target.address, None)
    for earlier in call.attempts:
        if earlier is attempt:
            break
        if earlier.target is not attempt.target:
            skipped.setdefault(earlier.target.address, "tried already in this call")
    return AttemptReport(
        number=attempt.number,
        endpoint=attempt.target.endpoint,
        started=attempt.started - call.started,
        elapsed=attempt.elapsed,
        outcome=None if attempt.outcome is None else attempt.outcome.name,
        status=attempt.status,
        error=attempt.error,
        fault=None if attempt.fault is None else attempt.fault.rule,
        fault_kind=None if attempt.fault is None else attempt.fault.kinds,
        hedge=attempt.hedge,
        chosen=_why(call, attempt),
        skipped=skipped,
        upstream_faults=attempt.upstream_faults,
        stalled=attempt.stalled,
    )


def _why(call: Any, attempt: Any) -> str:
    if attempt.probe:
        return "a probe: its breaker is half-open"
    balancer = call.lane.balancer
    name = getattr(balancer, "name", type(balancer).__name__)
    among = len(attempt.pickable.candidates)
    panic = ", in panic: health is ignored" if attempt.pickable.panic else ""
    key = f" by key {call.hash_key!r}" if call.hash_key is not None else ""
    return f"{name}{key} among {among}, {attempt.in_flight} in flight there{panic}"
