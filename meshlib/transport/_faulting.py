"""
Faults of a call: drawn from its service's rules, and given back when they are over.
"""

from __future__ import annotations

from typing import Any

from ..faults import Fault, Phase
from ._telling import tell_fault


def draw_fault(call: Any, phase: Phase, label: str = "") -> Fault | None:
    """The fault that the rules put on this *phase* of *call*, if any."""
    if call.faults is None:
        return None
    request = call.request
    fault: Fault | None = call.faults.decide(
        phase,
        endpoint=label,
        method=request.method,
        path=request.url.path,
        headers=request.headers,
        route="" if call.routed is None else call.routed.label,
    )
    if fault is not None and call.service.listening:
        tell_fault(call, fault)
    return fault
