"""
Who hears about what happened: reports, metrics, spans and log lines.

Nothing here decides anything, and nothing here is paid for by a call unless somebody
listens. A *report* is on every response, a *snapshot* of metrics is read off counters when
it is asked for, a *listener* records events, and *spans* are made once a tracer provider
is configured.
"""

from __future__ import annotations

from ._baggage import carried, carrying, received_baggage
from ._measure import bucket_limit, measure
from ._metrics import CanaryMetrics, EndpointMetrics, MeshMetrics, MirrorMetrics, ServiceMetrics
from ._otel_metrics import OpenTelemetryMetrics, record_metrics
from ._report import AttemptReport, CallReport
from ._state_log import StateLog
from ._tracing import Tracing, tracing

__all__ = [
    "AttemptReport",
    "CallReport",
    "CanaryMetrics",
    "EndpointMetrics",
    "MeshMetrics",
    "MirrorMetrics",
    "OpenTelemetryMetrics",
    "ServiceMetrics",
    "StateLog",
    "Tracing",
    "bucket_limit",
    "carried",
    "carrying",
    "measure",
    "received_baggage",
    "record_metrics",
    "tracing",
]
