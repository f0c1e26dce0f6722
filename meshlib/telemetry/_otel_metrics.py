"""
Metrics by OpenTelemetry, from the events of a mesh.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from .._events import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    CallRejected,
    Event,
    FallbackUsed,
    FaultInjected,
    RetryRefused,
    RetryScheduled,
)

_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
"""Seconds; what the semantic conventions advise for http.client.request.duration."""


class OpenTelemetryMetrics:
    """
    A listener that records to the configured meter provider, or to *provider*.

    `http.client.request.duration` is of attempts, `meshlib.call.duration` of calls, both
    in seconds. Given a *mesh*, in-flight calls, the retry budget and open breakers are
    observed too. Thread-safe.
    """

    def __init__(self, mesh: Any = None, *, provider: Any = None) -> None:
        meter = metrics.get_meter("meshlib", meter_provider=provider)
        self._mesh = mesh
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
        self._attempts = meter.create_counter("meshlib.attempts", description="Attempts.")
        self._retries = meter.create_counter("meshlib.retries", description="Retries scheduled.")
        self._refused = meter.create_counter(
            "meshlib.retries.refused", description="Retries that were not made, and why."
        )
        self._rejections = meter.create_counter(
            "meshlib.rejections", description="Calls refused by the mesh itself."
        )
        self._transitions = meter.create_counter(
            "meshlib.breaker.transitions", description="Changes of state of breakers."
        )
        self._faults = meter.create_counter("meshlib.faults", description="Faults injected.")
        self._fallbacks = meter.create_counter(
            "meshlib.fallbacks", description="Calls answered by a fallback."
        )
        if mesh is not None:
            meter.create_observable_gauge("meshlib.in_flight", [self._in_flight])
            meter.create_observable_gauge("meshlib.retry_budget", [self._budget])
            meter.create_observable_gauge("meshlib.breakers.open", [self._open])

    def __call__(self, event: Event) -> None:
        """Record *event*."""
        service = event.service
        if isinstance(event, AttemptFinished):
            self._attempt(event)
        elif isinstance(event, CallFinished):
            self._calls.record(
                event.elapsed, {"meshlib.service": service} | _result(event.status, event.error)
            )
        elif isinstance(event, RetryScheduled):
            self._retries.add(1, {"meshlib.service": service, "meshlib.outcome": event.outcome})
        elif isinstance(event, RetryRefused):
            self._refused.add(1, {"meshlib.service": service, "reason": event.reason})
        elif isinstance(event, CallRejected):
            reason = type(event.error).__name__
            self._rejections.add(1, {"meshlib.service": service, "reason": reason})
        elif isinstance(event, BreakerChanged):
            states: dict[str, Any] = {"from": event.old, "to": event.new, "shadow": event.shadow}
            address = event.endpoint.address
            about = {"meshlib.service": service, "meshlib.endpoint": address}
            self._transitions.add(1, about | states)
        elif isinstance(event, FaultInjected):
            self._faults.add(1, {"meshlib.service": service, "rule": event.rule})
        elif isinstance(event, FallbackUsed):
            self._fallbacks.add(1, {"meshlib.service": service, "kind": event.kind})

    def _attempt(self, event: AttemptFinished) -> None:
        about = {"meshlib.service": event.service, "meshlib.endpoint": event.endpoint.address}
        self._requests.record(event.elapsed, about | _result(event.status, event.error))
        self._attempts.add(1, about | {"meshlib.outcome": event.outcome})

    def _in_flight(self, options: CallbackOptions) -> Iterable[Observation]:
        for name, service in self._mesh.metrics().services.items():
            yield Observation(service.in_flight, {"meshlib.service": name})

    def _budget(self, options: CallbackOptions) -> Iterable[Observation]:
        for name, service in self._mesh.metrics().services.items():
            yield Observation(service.budget_balance, {"meshlib.service": name})

    def _open(self, options: CallbackOptions) -> Iterable[Observation]:
        for name, service in self._mesh.metrics().services.items():
            count = sum(endpoint.breaker != "closed" for endpoint in service.endpoints.values())
            yield Observation(count, {"meshlib.service": name})


def _result(status: int | None, error: BaseException | None) -> dict[str, Any]:
    if error is not None:
        return {"error.type": type(error).__name__}
    if status is None:
        return {}
    told: dict[str, Any] = {"http.response.status_code": status}
    if status >= 400:
        told["error.type"] = str(status)
    return told
