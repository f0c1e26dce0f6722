"""
Who hears about what happened: reports, metrics, spans and log lines.

Nothing here decides anything, and nothing here is paid for by a call unless somebody
listens. A *report* is on every response, a *snapshot* of metrics is read off counters when
it is asked for, a *listener* records events, and *spans* are made once a tracer provider
is configured.
"""

from __future__ import annotations

from ._baggage import carried, carrying, received_baggage
from ._current import attach, detach
from ._measure import bucket_limit, measure
from ._metrics import CanaryMetrics, EndpointMetrics, MeshMetrics, MirrorMetrics, ServiceMetrics
from ._options import TelemetryOptions
from ._otel_metrics import OpenTelemetryMetrics, record_metrics
from ._propagation import Propagation, passed_on, received_context
from ._report import AttemptReport, CallReport
from ._server_tracing import ServedTrace, ServerTracing
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
    "Propagation",
    "ServedTrace",
    "ServerTracing",
    "ServiceMetrics",
    "StateLog",
    "TelemetryOptions",
    "Tracing",
    "attach",
    "bucket_limit",
    "carried",
    "carrying",
    "detach",
    "measure",
    "passed_on",
    "received_baggage",
    "received_context",
    "record_metrics",
    "tracing",
]
