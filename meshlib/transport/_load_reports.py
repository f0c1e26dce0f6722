"""
What answers say of the load of the endpoint that gave them.

Two headers are read: our own `x-mesh-load: rif=3,latency=0.0125`, and ORCA's
`endpoint-load-metrics` as text or JSON. Anybody may have sent them: reading one never
fails, and what is no proper report is none.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, NamedTuple

from .._models import CANCELLED, OutcomeClass, Verdict

LOAD = b"x-mesh-load"
ASKING = (LOAD, LOAD, b"1")
"""The header by which an attempt asks for a report."""

_ORCA = "endpoint-load-metrics"
_LONGEST = 2048
"""Bytes of a header that are read."""
_SLOWEST = 300.0
_BUSIEST = 1e6
_PERCENT = 100.0


class LoadReport(NamedTuple):
    """Requests that the endpoint serves, and the seconds such requests take; None: not said."""

    rif: float
    latency: float | None


def read_report(headers: Any) -> LoadReport | None:
    """The report in the *headers* of an answer; None where there is none that makes sense."""
    text = headers.get("x-mesh-load")
    if text is not None:
        return _report(_pairs(text))
    text = headers.get(_ORCA)
    return None if text is None else _of_orca(text)


def note_outcome(balancer: Any, attempt: Any, outcome: OutcomeClass, response: Any) -> None:
    """Tell *balancer*, which learns from reports, how *attempt* ended and what came with it."""
    if outcome is CANCELLED or outcome.verdict is Verdict.NEUTRAL:
        return
    if not hasattr(balancer, "ended"):
        return  # a new configuration has brought another one meanwhile
    now, load = attempt.call.now, attempt.target.load
    balancer.ended(load, outcome.verdict is not Verdict.SUCCESS, now)
    report = None if response is None else read_report(response.headers)
    if report is not None and outcome.verdict is Verdict.SUCCESS:
        latency = load.latency(now) if report.latency is None else report.latency
        balancer.report(load, report.rif, latency, now)


def _report(said: dict[str, float]) -> LoadReport | None:
    rif, latency = said.get("rif"), said.get("latency")
    if rif is None or not 0.0 <= rif <= _BUSIEST:
        return None
    if latency is not None and not 0.0 <= latency <= _SLOWEST:
        return None
    return LoadReport(rif, latency or None)


def _pairs(text: str) -> dict[str, float]:
    """The numbers of `name=number,name=number`; other parts are left out."""
    said = {}
    for part in text[:_LONGEST].split(","):
        name, _, value = part.partition("=")
        number = _number(value)
        if number is not None:
            said[name.strip()] = number
    return said


def _of_orca(text: str) -> LoadReport | None:
    """
    The report of the Open Request Cost Aggregation's header, in its formats TEXT and JSON.

    `named_metrics.rif` and `named_metrics.latency` are ours; without the former the
    application's utilisation, else that of the processor, in percent.
    """
    kind, _, rest = text.strip().partition(" ")
    said: dict[str, float] = {}
    if kind == "TEXT":
        said = _pairs(rest)
    elif kind == "JSON" and len(rest) <= _LONGEST:
        said = _flat(rest)
    rif = said.get("named_metrics.rif")
    if rif is None:
        utilisation = said.get("application_utilization") or said.get("cpu_utilization")
        if utilisation is None:
            return None
        rif = utilisation * _PERCENT
    found = {"rif": rif}
    if "named_metrics.latency" in said:
        found["latency"] = said["named_metrics.latency"]
    return _report(found)


def _flat(text: str) -> dict[str, float]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    said: dict[str, float] = {}
    if isinstance(told, dict):
        named = told.get("named_metrics")
        named = named if isinstance(named, dict) else {}
        pairs = [(f"named_metrics.{name}", value) for name, value in named.items()]
        for name, value in [*told.items(), *pairs]:
            number = _number(value)
            if number is not None:
                said[name] = number
    return said


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
