"""
The trace of a request that this process serves, and a server span for it.

The span is made only where no instrumentation of OpenTelemetry has made one already.
Without a tracer provider the request stays in its trace all the same: its context is the
current one while it is served.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, Span, SpanKind, StatusCode

from .._clock import Clock, monotonic
from ._conventions import INSTRUMENTATION, SCHEMA, method_attributes, server_result, span_name
from ._current import attach, current, detach
from ._propagation import Header, Propagation, passed_on
from ._received import ReceivedContext
from ._tracing import configured_provider

_LOGGER = logging.getLogger("meshlib")
_LOOK_AGAIN = 1.0
"""Seconds until a tracer provider that was not there is asked for again."""


class ServedTrace:
    """
    The trace of one request: its *context*, and its *span* if one was made.

    Where nothing traces it, *received* are the headers by which it stays in its trace.
    """

    __slots__ = ("_received", "context", "made")

    def __init__(
        self, context: Context, span: Span | None = None, received: Sequence[Header] = ()
    ) -> None:
        self.context = context
        """To be attached while the request is served."""
        self._received = received
        self.made = span
        """The span that was made, until it is ended."""

    @property
    def headers(self) -> tuple[Header, ...]:
        """What calls made for the request carry on where nothing traces them."""
        return passed_on(self._received)

    @property
    def span(self) -> Span:
        """The span that is current while the request is served; it may be the caller's."""
        return trace.get_current_span(self.context)

    @property
    def trace_id(self) -> str:
        """The id of the trace, 32 hexadecimal digits; empty without one."""
        found = self.span.get_span_context()
        return trace.format_trace_id(found.trace_id) if found.is_valid else ""

    @contextmanager
    def current(self) -> Iterator[None]:
        """Have the context be the current one inside the block."""
        token = attach(self.context)
        try:
            yield
        finally:
            detach(token)


class ServerTracing:
    """
    Reads the trace of each request, and makes the server spans of a mesh.

    Nothing that a processor or a propagator raises gets out, the first of it is logged.
    No header, query, credential or error text gets into a span. Thread-safe.
    """

    def __init__(
        self,
        propagation: Propagation | None = None,
        *,
        provider: Any = None,
        clock: Clock = monotonic,
    ) -> None:
        self._propagation = propagation or Propagation()
        self._clock = clock
        self.tracer: Any = None
        """What makes spans; None as long as no provider is configured."""
        self.names = self._propagation.names
        """The headers that may hold a trace, in lower case; looked at once a second."""
        self.look_at = float("-inf")
        """When to call `look` again."""
        self._complained = False
        if provider is not None:
            self._use(provider)

    def begin(self, head: Any, received: Sequence[Header] | None = None) -> ServedTrace | None:
        """
        The trace of the request *head*; None where there is neither one nor a tracer.

        *head* has a method, a path, headers with names in lower case, a scheme, a peer and
        a route, which may be None. The span is ended by `end`. *received* is for whoever
        calls `look` and knows that there is a trace: the headers in `names`, or more.
        """
        headers = received
        if headers is None:
            if self._clock() >= self.look_at:
                self.look()
            headers = head.headers
            if self.tracer is None and self.names.isdisjoint(dict(headers)):
                return None
        if self.tracer is None and not current():  # so that there is no span either
            return ServedTrace(ReceivedContext(self._propagation, headers), None, headers)
        try:
            return self._begun(head, headers, self.tracer)
        except Exception as exc:
            self._complain(exc)
            return None

    def end(
        self,
        served: ServedTrace | None,
        status: int | None,
        error: BaseException | None = None,
        route: str | None = None,
    ) -> None:
        """
        End the span of *served*, if one was made: a second time changes nothing.

        *route* is the template that the application matched, when it has become known.
        """
        span = None if served is None else served.made
        if served is None or span is None:
            return
        served.made = None
        try:
            try:
                _tell(span, status, error, route)
            finally:
                span.end()
        except Exception as exc:
            self._complain(exc)

    def name_fault(self, served: ServedTrace, rule: str) -> None:
        """Say in the span of *served*, whoever made it, which fault is injected."""
        try:
            served.span.set_attribute("meshlib.fault", rule)
        except Exception as exc:
            self._complain(exc)

    def _begun(self, head: Any, headers: Sequence[Header], tracer: Any) -> ServedTrace:
        context = self._propagation.extract(headers)
        if _is_instrumented(context):
            return ServedTrace(current())
        if tracer is None:
            return ServedTrace(context, None, headers)
        span = tracer.start_span(
            _name(head.method, head.route),
            context=context,
            kind=SpanKind.SERVER,
            attributes=_attributes(head),
        )
        return ServedTrace(trace.set_span_in_context(span, context), span)

    def look(self) -> None:
        """See whether a provider or propagators have been configured meanwhile."""
        self.look_at = self._clock() + _LOOK_AGAIN
        self.names = self._propagation.names
        if self.tracer is None:
            provider = configured_provider()
            if provider is not None:
                self._use(provider)

    def _use(self, provider: Any) -> None:
        tracer = provider.get_tracer(INSTRUMENTATION, schema_url=SCHEMA)
        if not isinstance(tracer, NoOpTracer):  # as where the SDK is disabled
            self.tracer = tracer

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            text = "server spans failed; further failures are not logged"
            _LOGGER.error(text, exc_info=error)


def _is_instrumented(received: Context) -> bool:
    """
    Whether the current span is a server span of this request, received as *received* says.

    That of another request may be current, where applications call each other in a process.
    """
    span: Any = trace.get_current_span()
    if not span.is_recording() or getattr(span, "kind", SpanKind.SERVER) is not SpanKind.SERVER:
        return False
    sender = trace.get_current_span(received).get_span_context()
    parent = getattr(span, "parent", sender)
    return (parent.span_id if parent else 0) == sender.span_id


def _name(method: str, route: str | None) -> str:
    return f"{span_name(method)} {route}" if route else span_name(method)


def _attributes(head: Any) -> dict[str, Any]:
    about = method_attributes(head.method)
    about["url.scheme"] = head.scheme
    about["url.path"] = head.path
    if head.peer:
        about["network.peer.address"] = head.peer
    if head.route:
        about["http.route"] = head.route
    return about


def _tell(span: Span, status: int | None, error: BaseException | None, route: str | None) -> None:
    if route:
        span.set_attribute("http.route", route)
        about = getattr(span, "attributes", None) or {}
        span.update_name(_name(about.get("http.request.method", "HTTP"), route))
    told = server_result(status, error)
    span.set_attributes(told)
    if "error.type" in told:
        # Its text could hold what the request held, so only its type is told.
        span.set_status(StatusCode.ERROR, None if error is None else type(error).__name__)
