"""
Faults of a call: drawn from its service's rules, and what they imitate.
"""

from __future__ import annotations

import math
from typing import Any

from ..faults import Fault, FaultPlan, Phase
from ._aim import sni_hostname
from ._attempt import Attempt
from ._telling import tell_fault
from ._upward import mark_fault


def draw_fault(call: Any, phase: Phase, label: str = "") -> Fault | None:
    """The fault that the rules put on this *phase* of *call*, if any."""
    if call.faults is None:
        return None
    request, routed = call.request, call.routed
    attempt = call.attempts[-1] if phase == "attempt" else None
    end = call.deadline if attempt is None else attempt.limit
    timeout = call.deadline - call.started
    if attempt is not None and call.attempt_timeout < timeout:
        timeout = call.attempt_timeout
    fault: Fault | None = call.faults.decide(
        phase,
        endpoint=label,
        method=request.method,
        path=request.url.path,
        headers=request.headers,
        route="" if routed is None else routed.label,
        tenant="" if routed is None else routed.lane.tenant or "",
        query=request.url.query.decode("latin-1"),
        metadata={} if attempt is None else attempt.target.endpoint.metadata,
        timeout=timeout,
        left=end - call.now,
    )
    if fault is not None:
        call.injected = [*call.injected, (fault, attempt)]
        call.special = True
        mark_fault(call.faults.source, fault.rule)
        if call.service.listening:
            tell_fault(call, fault)
    return fault


WAITS = {
    "connect_timeout": "connect",
    "read_timeout": "read",
    "write_timeout": "write",
    "pool_timeout": "pool",
}
"""The kind of httpx's timeouts that each of these failures takes."""

_BLACKHOLES = {"connect": "connect_timeout", "read": "read_timeout"}


def plan_of(call: Any) -> FaultPlan:
    """The plan that drew a fault of *call*."""
    plan: FaultPlan = call.faults
    return plan


def error_of(fault: Fault) -> str:
    """The name of the error that *fault* raises, or "" if it raises none of its own."""
    if fault.error is None and fault.blackhole is not None:
        return _BLACKHOLES[fault.blackhole]
    return fault.error or ""


def timeout_of(call: Any, kind: str) -> float:
    """The caller's own timeout of this *kind*, in seconds; infinite where there is none."""
    seconds = call.request.extensions.get("timeout", {}).get(kind)
    return math.inf if seconds is None else float(seconds)


def address_of(call: Any, attempt: Attempt | None) -> tuple[str, int]:
    """The host and the port that an error speaks of; the service's before one is picked."""
    url, extensions = call.request.url, call.request.extensions
    if attempt is None:
        return url.host, url.port or 0
    target = attempt.target
    name = extensions.get("sni_hostname") or sni_hostname(attempt, extensions)
    return name or target.host.decode("ascii"), target.port
