"""
What happens in a mesh, from its events to the instruments of a meter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import trace

from .._models import CANCELLED, Endpoint
from ..events import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    CallRejected,
    CanaryChanged,
    CertificateLoaded,
    CertificateRejected,
    ConfigurationApplied,
    ConfigurationRejected,
    DiscoveryFailed,
    EndpointEjected,
    Event,
    FallbackUsed,
    FaultInjected,
    HedgeStarted,
    InjectionFinished,
    LoopStalled,
    MirrorFinished,
    RequestRefused,
    RequestServed,
    RetryRefused,
    RetryScheduled,
)
from ._conventions import method_attributes, result_attributes, server_result
from ._observed import MESH, SERVICE

Attributes = dict[str, Any]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds; what the semantic conventions advise for durations of HTTP requests."""

HISTOGRAMS: dict[str, str] = {
    "http.client.request.duration": "Duration of HTTP client requests.",
    "meshlib.call.duration": "Duration of calls, all attempts and backoffs included.",
    "meshlib.mirror.duration": "Duration of copies of calls.",
    "http.server.request.duration": "Duration of HTTP server requests.",
    "meshlib.loop.stall.duration": "Times for which an event loop stood still during calls.",
}
"""Durations in seconds: each instrument with its description."""

COUNTERS: dict[str, tuple[str, str]] = {
    "meshlib.attempts": ("{attempt}", "Attempts that were made."),
    "meshlib.retries": ("{retry}", "Retries that were scheduled."),
    "meshlib.retries.refused": ("{retry}", "Retries that were not made."),
    "meshlib.hedges": ("{attempt}", "Attempts that began before the one before had ended."),
    "meshlib.rejections": ("{call}", "Calls that the mesh refused."),
    "meshlib.faults": ("{fault}", "Faults that were injected."),
    "meshlib.faults.answered": ("{fault}", "Faults, by what became of the call."),
    "meshlib.fallbacks": ("{call}", "Calls that a fallback answered."),
    "meshlib.breaker.transitions": ("{transition}", "Changes of state of breakers."),
    "meshlib.ejections": ("{ejection}", "Endpoints left out as they did worse than their peers."),
    "meshlib.discovery.failures": ("{failure}", "Times that a source failed."),
    "meshlib.inbound.refused": ("{request}", "Requests that were not served."),
    "meshlib.canary.changes": ("{change}", "Changes of the state or the share of canaries."),
    "meshlib.certificate.loads": ("{certificate}", "Certificates that were loaded or refused."),
    "meshlib.configurations": ("{configuration}", "Configurations that were applied or refused."),
}
"""Each counter with its unit and its description."""


class Recording:
    """
    A listener that records events to the instruments that *meter* makes.

    *meter* is OpenTelemetry's, or makes what has the same methods. *mesh* is the name of
    the mesh whose events these are, when it is known. Of an attempt that was cancelled
    nobody knows how long it would have taken, so it is counted but in no histogram.
    Thread-safe.
    """

    def __init__(self, meter: Any, mesh: str | None = None) -> None:
        self._mesh: Attributes = {} if mesh is None else {MESH: mesh}
        self._durations = {
            name: meter.create_histogram(
                name,
                unit="s",
                description=description,
                explicit_bucket_boundaries_advisory=list(BUCKETS),
            )
            for name, description in HISTOGRAMS.items()
        }
        self._counters = {
            name: meter.create_counter(name, unit, description)
            for name, (unit, description) in COUNTERS.items()
        }
        if mesh is not None:  # what alerts compare with 0, or the first of them would be missed
            for result in ("applied", "rejected"):
                self._counters["meshlib.configurations"].add(0, {MESH: mesh, "result": result})
        self._recorders: dict[type[Event], Callable[[Any], None]] = {
            AttemptFinished: self._attempt,
            BreakerChanged: self._breaker,
            CallFinished: self._call,
            CallRejected: self._rejection,
            CanaryChanged: self._canary,
            CertificateLoaded: self._certificate,
            CertificateRejected: self._certificate,
            ConfigurationApplied: self._configuration,
            ConfigurationRejected: self._configuration,
            DiscoveryFailed: self._discovery,
            EndpointEjected: self._ejection,
            FallbackUsed: self._fallback,
            FaultInjected: self._fault,
            HedgeStarted: self._hedge,
            InjectionFinished: self._injection,
            LoopStalled: self._stall,
            MirrorFinished: self._mirror,
            RequestRefused: self._refused_request,
            RequestServed: self._request,
            RetryRefused: self._refusal,
            RetryScheduled: self._retry,
        }

    def __call__(self, event: Event) -> None:
        """Record *event*."""
        record = self._recorders.get(type(event))
        if record is not None:
            record(event)

    def _count(self, name: str, event: Event, **about: Any) -> None:
        service = {SERVICE: event.service} if event.service else {}
        self._counters[name].add(1, {**self._mesh, **service, **about})

    def _took(self, name: str, event: Any, about: Attributes) -> None:
        self._durations[name].record(event.elapsed, {**self._mesh, **about}, _context(event))

    def _attempt(self, event: AttemptFinished) -> None:
        place = {"meshlib.endpoint": event.endpoint.address, "meshlib.outcome": event.outcome}
        self._count("meshlib.attempts", event, **place)
        if event.outcome == CANCELLED.name:
            return
        about: Attributes = {SERVICE: event.service}
        if event.fault is not None:
            about["meshlib.fault"] = event.fault
        if event.method:
            about |= _method(event.method)
        about |= _server(event.endpoint) | result_attributes(event.status, event.error)
        self._took("http.client.request.duration", event, about)

    def _call(self, event: CallFinished) -> None:
        about = {SERVICE: event.service} | _method(event.method)
        if event.route != "default":
            about["meshlib.route"] = event.route
            about["meshlib.destination"] = event.destination or ""
        if event.tenant is not None:
            about["meshlib.tenant"] = event.tenant
        about |= result_attributes(event.status, event.error)
        self._took("meshlib.call.duration", event, about)

    def _mirror(self, event: MirrorFinished) -> None:
        about = {SERVICE: event.service, "meshlib.mirror": f"{event.route}/{event.mirror}"}
        about |= result_attributes(event.status, event.error)
        self._took("meshlib.mirror.duration", event, about)

    def _stall(self, event: LoopStalled) -> None:
        self._durations["meshlib.loop.stall.duration"].record(event.duration, self._mesh)

    def _request(self, event: RequestServed) -> None:
        about = _method(event.method) | server_result(event.status, event.error)
        if event.route:
            about["http.route"] = event.route
        if event.fault is not None:
            about["meshlib.fault"] = event.fault
        self._took("http.server.request.duration", event, about)

    def _refused_request(self, event: RequestRefused) -> None:
        priority = getattr(event.request, "priority", None)
        about = {
            "reason": event.reason,
            "priority": "" if priority is None else priority.name.lower(),
        }
        self._counters["meshlib.inbound.refused"].add(1, {**self._mesh, **about})

    def _retry(self, event: RetryScheduled) -> None:
        self._count("meshlib.retries", event, **{"meshlib.outcome": event.outcome})

    def _refusal(self, event: RetryRefused) -> None:
        self._count("meshlib.retries.refused", event, reason=event.reason)

    def _hedge(self, event: HedgeStarted) -> None:
        self._count("meshlib.hedges", event)

    def _rejection(self, event: CallRejected) -> None:
        self._count("meshlib.rejections", event, reason=type(event.error).__name__)

    def _breaker(self, event: BreakerChanged) -> None:
        about: Attributes = {
            "meshlib.endpoint": event.endpoint.address,
            "from": event.old,
            "to": event.new,
            "shadow": event.shadow,
        }
        self._count("meshlib.breaker.transitions", event, **about)

    def _ejection(self, event: EndpointEjected) -> None:
        about = {"meshlib.endpoint": event.endpoint.address, "shadow": event.shadow}
        self._count("meshlib.ejections", event, **about)

    def _fault(self, event: FaultInjected) -> None:
        about = {"rule": event.rule, "kind": event.kind, "phase": event.phase}
        self._count("meshlib.faults", event, **about)

    def _injection(self, event: InjectionFinished) -> None:
        one = event.injection
        about = {"rule": one.rule, "kind": one.kind}
        outcome = one.absorbed_by or "suffered"
        about |= {"outcome": outcome, "result": one.result or ""}
        self._count("meshlib.faults.answered", event, **about)

    def _fallback(self, event: FallbackUsed) -> None:
        self._count("meshlib.fallbacks", event, kind=event.kind)

    def _discovery(self, event: DiscoveryFailed) -> None:
        self._count("meshlib.discovery.failures", event, source=event.source)

    def _canary(self, event: CanaryChanged) -> None:
        route = f"{event.service}/{event.route}"
        self._count("meshlib.canary.changes", event, **{"meshlib.route": route, "to": event.new})

    def _certificate(self, event: CertificateLoaded | CertificateRejected) -> None:
        result = "loaded" if isinstance(event, CertificateLoaded) else "rejected"
        about = {"meshlib.certificate": event.certificate, "result": result}
        self._count("meshlib.certificate.loads", event, **about)

    def _configuration(self, event: ConfigurationApplied | ConfigurationRejected) -> None:
        result = "applied" if isinstance(event, ConfigurationApplied) else "rejected"
        self._count("meshlib.configurations", event, result=result)


def _method(method: str) -> Attributes:
    about = method_attributes(method)
    about.pop("http.request.method_original", None)  # anybody could invent series
    return about


def _context(event: Any) -> Any:
    """Where the span of *event* is current, so that exemplars lead to its trace."""
    span = getattr(event, "span", None)
    return None if span is None else trace.set_span_in_context(span)


@lru_cache(4096)
def _server(endpoint: Endpoint) -> Attributes:
    """Host and port of *endpoint*; parsing its URL costs more than recording."""
    parts = urlsplit(endpoint.address)
    return {"server.address": parts.hostname or "", "server.port": parts.port or 0}
