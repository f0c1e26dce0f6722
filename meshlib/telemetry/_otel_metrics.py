"""
Metrics by OpenTelemetry, from the events of a mesh.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import metrics

from .._events import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    CallRejected,
    Event,
    FallbackUsed,
    FaultInjected,
    InjectionFinished,
    RetryRefused,
    RetryScheduled,
)
from .._models import CANCELLED, Endpoint
from ._conventions import INSTRUMENTATION, SCHEMA, method_attributes, result_attributes
from ._gauges import gauges_of

_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
"""Seconds; what the semantic conventions advise for http.client.request.duration."""

Attributes = dict[str, Any]


def record_metrics(mesh: Any, *, provider: Any = None) -> Callable[[], None]:
    """
    Record the events and the state of *mesh*, or of the mesh of a client.

    To the configured meter provider, or to *provider*. The function returned ends that.
    """
    mesh = getattr(mesh, "mesh", mesh)
    stop_listening = mesh.listen(OpenTelemetryMetrics(mesh, provider=provider))

    def stop() -> None:
        stop_listening()
        gauges_of(provider).remove(mesh)

    return stop


class OpenTelemetryMetrics:
    """
    A listener that records to the configured meter provider, or to *provider*.

    Given to a client as `MeshClient(..., listeners=[OpenTelemetryMetrics()])`, before or
    after the provider is configured. `http.client.request.duration`, by the semantic
    conventions, is of attempts, `meshlib.call.duration` of calls with all their attempts
    and backoffs, both in seconds up to the response headers. Beside them it counts
    `meshlib.attempts`, `.retries`, `.retries.refused`, `.rejections`, `.faults`,
    `.faults.answered`, `.fallbacks` and `.breaker.transitions`. Of an attempt that was
    cancelled nobody knows how long it would have taken, so it is counted but in no
    histogram.

    Given a *mesh* or a client, or told to `observe` one, it also has gauges of the calls
    in flight, the retry budget, and the endpoints in each state of their breakers and of
    their active checks. Thread-safe.
    """

    def __init__(self, mesh: Any = None, *, provider: Any = None) -> None:
        meter = metrics.get_meter(INSTRUMENTATION, meter_provider=provider, schema_url=SCHEMA)
        self._provider = provider
        self._requests = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._calls = meter.create_histogram(
            "meshlib.call.duration",
            unit="s",
            description="Duration of calls, all attempts and backoffs included.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        count = meter.create_counter
        self._attempts = count("meshlib.attempts", "{attempt}", "Attempts that were made.")
        self._retries = count("meshlib.retries", "{retry}", "Retries that were scheduled.")
        self._refused = count("meshlib.retries.refused", "{retry}", "Retries that were not made.")
        self._rejections = count("meshlib.rejections", "{call}", "Calls that the mesh refused.")
        self._faults = count("meshlib.faults", "{fault}", "Faults that were injected.")
        self._injections = count(
            "meshlib.faults.answered", "{fault}", "Faults, by what became of the call."
        )
        self._fallbacks = count("meshlib.fallbacks", "{call}", "Calls that a fallback answered.")
        self._transitions = count(
            "meshlib.breaker.transitions", "{transition}", "Changes of state of breakers."
        )
        self._recorders: dict[type[Event], Callable[[Any], None]] = {
            AttemptFinished: self._attempt,
            BreakerChanged: self._breaker,
            CallFinished: self._call,
            CallRejected: self._rejection,
            FallbackUsed: self._fallback,
            FaultInjected: self._fault,
            InjectionFinished: self._injection,
            RetryRefused: self._refusal,
            RetryScheduled: self._retry,
        }
        if mesh is not None:
            self.observe(mesh)

    def observe(self, mesh: Any) -> None:
        """Have gauges of *mesh*, or of the mesh of a client, for as long as it lives."""
        gauges_of(self._provider).add(getattr(mesh, "mesh", mesh))

    def __call__(self, event: Event) -> None:
        """Record *event*."""
        record = self._recorders.get(type(event))
        if record is not None:
            record(event)

    def _attempt(self, event: AttemptFinished) -> None:
        about = {"meshlib.service": event.service}
        place = {"meshlib.endpoint": event.endpoint.address, "meshlib.outcome": event.outcome}
        self._attempts.add(1, about | place)
        if event.outcome == CANCELLED.name:
            return
        if event.fault is not None:
            about["meshlib.fault"] = event.fault
        method = event.method
        if method is not None:
            about |= method_attributes(method)
            about.pop("http.request.method_original", None)  # anybody could invent series
        about |= _server(event.endpoint) | result_attributes(event.status, event.error)
        self._requests.record(event.elapsed, about)

    def _call(self, event: CallFinished) -> None:
        about = {"meshlib.service": event.service} | method_attributes(event.method)
        about.pop("http.request.method_original", None)
        if event.route != "default":
            about["meshlib.route"] = event.route
            about["meshlib.destination"] = event.destination or ""
        if event.tenant is not None:
            about["meshlib.tenant"] = event.tenant
        self._calls.record(event.elapsed, about | result_attributes(event.status, event.error))

    def _retry(self, event: RetryScheduled) -> None:
        self._retries.add(1, {"meshlib.service": event.service, "meshlib.outcome": event.outcome})

    def _refusal(self, event: RetryRefused) -> None:
        self._refused.add(1, {"meshlib.service": event.service, "reason": event.reason})

    def _rejection(self, event: CallRejected) -> None:
        reason = type(event.error).__name__
        self._rejections.add(1, {"meshlib.service": event.service, "reason": reason})

    def _breaker(self, event: BreakerChanged) -> None:
        about: Attributes = {
            "meshlib.service": event.service,
            "meshlib.endpoint": event.endpoint.address,
            "from": event.old,
            "to": event.new,
            "shadow": event.shadow,
        }
        self._transitions.add(1, about)

    def _fault(self, event: FaultInjected) -> None:
        about = {"meshlib.service": event.service, "rule": event.rule}
        self._faults.add(1, about | {"kind": event.kind, "phase": event.phase})

    def _injection(self, event: InjectionFinished) -> None:
        one = event.injection
        about = {"meshlib.service": event.service, "rule": one.rule, "kind": one.kind}
        outcome = one.absorbed_by or "suffered"
        self._injections.add(1, about | {"outcome": outcome, "result": one.result or ""})

    def _fallback(self, event: FallbackUsed) -> None:
        self._fallbacks.add(1, {"meshlib.service": event.service, "kind": event.kind})


@lru_cache(4096)
def _server(endpoint: Endpoint) -> Attributes:
    """Host and port of *endpoint*; parsing its URL costs more than recording."""
    parts = urlsplit(endpoint.address)
    return {"server.address": parts.hostname or "", "server.port": parts.port or 0}
