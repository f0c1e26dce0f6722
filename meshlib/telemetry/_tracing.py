"""
Spans by OpenTelemetry: one for a call, and one beneath it for each attempt.

Only the API is needed. Nothing is attached to the current context: the parent is passed
along, so that no token can be left behind in another thread or task.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from opentelemetry import trace
from opentelemetry.trace import NoOpTracer, ProxyTracerProvider, Span, SpanKind, StatusCode

from .._redact import redacted
from ._conventions import INSTRUMENTATION, SCHEMA, method_attributes, result_attributes, span_name
from ._propagation import Propagation

_LOGGER = logging.getLogger("meshlib")
_P = ParamSpec("_P")

_broken: list[Exception] = []
"""Why the provider that the environment names could not be loaded; asked for only once."""


def tracing(propagation: Propagation | None = None) -> Tracing | None:
    """
    The spans of a mesh, or None as long as no tracer provider is configured.

    *propagation* is the headers that they travel in, by default those of OpenTelemetry's
    configuration.

    Asking costs about a microsecond, too much for each call. So a service asks when it is
    made and then, until there is a provider, with its first call and with one call in a
    second: a provider that is configured later is found.
    """
    provider = configured_provider()
    if provider is None:
        return None
    made = Tracing(provider, propagation)
    return made if made.records else None


def configured_provider() -> Any:
    """The tracer provider of this process, or None as long as none is configured."""
    if _broken:
        return None
    try:
        provider = trace.get_tracer_provider()
    except Exception as exc:
        # OTEL_PYTHON_TRACER_PROVIDER names none that is installed; the API has logged it.
        _broken.append(exc.with_traceback(None))
        return None
    return None if isinstance(provider, ProxyTracerProvider) else provider


_Method = Callable[Concatenate["Tracing", _P], None]


def _harmless(method: _Method[_P]) -> _Method[_P]:
    """Log and drop what a span processor or propagator raises: spans cannot fail a call."""

    @wraps(method)
    def guarded(self: Tracing, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception:
            if not self.complained:  # once is enough: it would be told with each call
                self.complained = True
                _LOGGER.exception("tracing failed; further failures are not logged")

    return guarded


class Tracing:
    """
    Makes the spans of calls and attempts, by the HTTP semantic conventions.

    The call's span is internal and follows the current one; the attempts' are client
    spans, and what they inject makes the server's span their child. A span ends with the
    response headers, as the attempt does, or with its error. No error text, header or
    credential gets into one.

    Thread-safe. Errors of processors and propagators are dropped, the first is logged.
    """

    def __init__(self, provider: Any, propagation: Propagation | None = None) -> None:
        self._tracer = provider.get_tracer(INSTRUMENTATION, schema_url=SCHEMA)
        self._propagation = propagation or Propagation()
        self.complained = False

    @property
    def records(self) -> bool:
        """Whether anything can come of the spans; not where the SDK is disabled."""
        return not isinstance(self._tracer, NoOpTracer)

    @_harmless
    def call_started(self, call: Any) -> None:
        """Begin the span of *call*, as a child of the current one."""
        method, name = call.request.method, call.service.name
        call.span = self._tracer.start_span(
            f"{span_name(method)} {name}",
            kind=SpanKind.INTERNAL,
            attributes={"meshlib.service": name, **method_attributes(method)},
        )

    @_harmless
    def call_ended(self, call: Any, status: int | None, error: BaseException | None) -> None:
        """End the span of *call*."""
        span: Span | None = call.span
        if span is None:
            return
        call.span = None
        try:
            span.set_attribute("meshlib.attempts", call.number)
            if call.fallback_used is not None:
                span.set_attribute("meshlib.fallback", call.fallback_used)
            if call.injected:
                span.set_attribute("meshlib.faults", len(call.injected))
                if call.fault is not None:
                    span.set_attribute("meshlib.fault", call.fault.rule)
                    span.set_attribute("meshlib.fault.kind", call.fault.kinds)
            if call.routed is not None:
                for name, value in call.routed.told().items():
                    if value is not None:
                        span.set_attribute(f"meshlib.{name}", value)
            _tell_result(span, status, error)
        finally:
            span.end()

    @_harmless
    def attempt_started(self, attempt: Any) -> None:
        """Begin the span of *attempt*, beneath its call's."""
        call, target = attempt.call, attempt.target
        if call.span is None:  # the provider was configured while the call was under way
            if attempt.number > 1:
                return
            self.call_started(call)
        request = call.request
        attributes = {
            **method_attributes(request.method),
            "url.full": redacted(target.address + request.url.raw_path.decode("latin-1")),
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
            span_name(request.method),
            context=trace.set_span_in_context(call.span),
            kind=SpanKind.CLIENT,
            attributes=attributes,
        )

    @_harmless
    def attempt_ended(self, attempt: Any, response: Any = None) -> None:
        """
        End the span of *attempt*, which has its outcome.

        *response* is asked for its protocol version when it is at hand. A second end, as
        of a body that breaks after good headers, changes nothing.
        """
        span: Span | None = attempt.span
        if span is None:
            return
        attempt.span = None
        try:
            span.set_attribute("meshlib.outcome", attempt.outcome.name)
            span.set_attribute("meshlib.hedge", attempt.hedge)
            if attempt.fault is not None:
                span.set_attribute("meshlib.fault", attempt.fault.rule)
                span.set_attribute("meshlib.fault.kind", attempt.fault.kinds)
            if attempt.upstream_faults:
                span.set_attribute("meshlib.upstream_faults", attempt.upstream_faults)
            if response is not None:
                _tell_version(span, response.extensions.get("http_version"))
            _tell_result(span, attempt.status, attempt.error)
        finally:
            span.end()

    @_harmless
    def inject(self, span: Span, headers: list[tuple[bytes, bytes]]) -> None:
        """Append what carries *span* and the current baggage on, in the configured formats."""
        self._propagation.inject(headers, trace.set_span_in_context(span))


def _tell_version(span: Span, version: Any) -> None:
    """`HTTP/1.1` is 1.1 and `HTTP/2` is 2; a transport of another kind may not say."""
    if isinstance(version, bytes):
        span.set_attribute("network.protocol.version", version.decode("latin-1")[5:])


def _tell_result(span: Span, status: int | None, error: BaseException | None) -> None:
    told = result_attributes(status, error)
    span.set_attributes(told)
    if error is not None:
        # Its text could hold what the request held, so only its type is told.
        span.set_status(StatusCode.ERROR, type(error).__name__)
    elif "error.type" in told:
        span.set_status(StatusCode.ERROR)
