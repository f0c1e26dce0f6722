"""
Spans by OpenTelemetry: one for a call, and one beneath it for each attempt.

Only the API is needed. Nothing is attached to the current context: the parent is passed
along, so that no token can be left behind in another thread or task.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.trace import ProxyTracerProvider, Span, SpanKind, Status, StatusCode

from ._redact import redacted

_NAME = "meshlib"
_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"


def tracing() -> Tracing | None:
    """The spans of a mesh, or None as long as no tracer provider is configured."""
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, ProxyTracerProvider) else Tracing(provider)


class Tracing:
    """
    Makes the spans of calls and attempts, by the HTTP semantic conventions.

    The call's span is internal and follows the current one; the attempts' are client
    spans, and what they inject makes the server's span their child. Thread-safe.
    """

    def __init__(self, provider: Any) -> None:
        self._tracer = provider.get_tracer(_NAME, schema_url=_SCHEMA)

    def call_started(self, call: Any) -> None:
        """Begin the span of *call*."""
        name = call.service.name
        call.span = self._tracer.start_span(
            f"{call.request.method} {name}",
            kind=SpanKind.INTERNAL,
            attributes={"meshlib.service": name, "http.request.method": call.request.method},
        )

    def call_ended(self, call: Any, status: int | None, error: BaseException | None) -> None:
        """End the span of *call*."""
        span: Span | None = call.span
        if span is None:
            return
        call.span = None
        span.set_attribute("meshlib.attempts", call.number)
        if call.fallback_used is not None:
            span.set_attribute("meshlib.fallback", call.fallback_used)
        _end(span, status, error)

    def attempt_started(self, attempt: Any) -> None:
        """Begin the span of *attempt*, beneath its call's."""
        call, target = attempt.call, attempt.target
        if call.span is None:
            return
        request = call.request
        attributes: dict[str, Any] = {
            "http.request.method": request.method,
            "url.full": redacted(target.address + request.url.raw_path.decode("ascii")),
            "server.address": target.host.decode("ascii"),
            "server.port": target.port,
            "meshlib.service": call.service.name,
            "meshlib.endpoint": target.address,
            "meshlib.attempt": attempt.number,
            "meshlib.probe": attempt.probe,
        }
        if attempt.number > 1:
            attributes["http.request.resend_count"] = attempt.number - 1
        attempt.span = self._tracer.start_span(
            request.method,
            context=trace.set_span_in_context(call.span),
            kind=SpanKind.CLIENT,
            attributes=attributes,
        )

    def attempt_ended(self, attempt: Any) -> None:
        """End the span of *attempt*, which has its outcome."""
        span: Span | None = attempt.span
        if span is None:
            return
        attempt.span = None
        span.set_attribute("meshlib.outcome", attempt.outcome.name)
        span.set_attribute("meshlib.hedge", attempt.hedge)
        if attempt.fault is not None:
            span.set_attribute("meshlib.fault", attempt.fault.rule)
        _end(span, attempt.status, attempt.error)

    def inject(self, span: Span, headers: list[tuple[bytes, bytes]]) -> None:
        """Append what carries *span* on to the server, in the configured formats."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier, context=trace.set_span_in_context(span))
        headers.extend(
            (name.encode("ascii"), value.encode("ascii")) for name, value in carrier.items()
        )


def _end(span: Span, status: int | None, error: BaseException | None) -> None:
    if status is not None:
        span.set_attribute("http.response.status_code", status)
    if error is not None:
        # Its text could hold what the request held, so only its type is told.
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        span.set_attribute("error.type", kind)
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
    elif status is not None and status >= 400:
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))
    span.end()
