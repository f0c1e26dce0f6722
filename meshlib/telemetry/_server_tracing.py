"""
The trace of a request that this process serves, and a server span for it.

The span is made only where no instrumentation of OpenTelemetry has made one already.
Without a tracer provider the request stays in its trace all the same: its context is the
current one while it is served.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Token
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, Span, SpanKind, StatusCode

from .._clock import Clock, monotonic
from ._conventions import INSTRUMENTATION, SCHEMA, method_attributes, server_result, span_name
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

    __slots__ = ("_received", "_span", "context")

    def __init__(
        self, context: Context, span: Span | None = None, received: Sequence[Header] = ()
    ) -> None:
        self.context = context
        self._received = received
        self._span = span

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
        token = self.attach()
        try:
            yield
        finally:
            self.detach(token)

    def attach(self) -> Token[Context]:
        """Have the context be the current one, until `detach` gets what this returns."""
        return contexts.attach(self.context)

    def detach(self, token: Token[Context]) -> None:
        """Have the context be current that was before."""
        contexts.detach(token)


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
        self._tracer: Any = None
        self._look_at = float("-inf")
        self._complained = False
        if provider is not None:
            self._use(provider)

    @property
    def names(self) -> frozenset[bytes]:
        """The headers that it may read, in lower case."""
        return self._propagation.names

    def begin(self, head: Any, received: Iterable[Header] | None = None) -> ServedTrace | None:
        """
        The trace of the request *head*; None where there is neither one nor a tracer.

        *head* has a method, a path, headers with names in lower case, a scheme, a peer and
        a route, which may be None. *received* are those of its headers with `names`, and
        perhaps others; without them all are looked at. The span is ended by `end`.
        """
        tracer = self._tracer or self._found()
        names = self._propagation.names
        headers = head.headers if received is None else received
        headers = [header for header in headers if header[0] in names]
        if tracer is None:
            if not headers:
                return None
            if not contexts.get_current():  # so that there is no span either
                return ServedTrace(ReceivedContext(self._propagation, headers), None, headers)
        try:
            return self._begun(head, headers, tracer)
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
        span = None if served is None else served._span
        if served is None or span is None:
            return
        served._span = None
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

    def _begun(self, head: Any, headers: list[Header], tracer: Any) -> ServedTrace:
        context = self._propagation.extract(headers)
        if _is_instrumented(context):
            return ServedTrace(contexts.get_current())
        if tracer is None:
            return ServedTrace(context, None, headers)
        span = tracer.start_span(
            _name(head.method, head.route),
            context=context,
            kind=SpanKind.SERVER,
            attributes=_attributes(head),
        )
        return ServedTrace(trace.set_span_in_context(span, context), span)

    def _found(self) -> Any:
        now = self._clock()
        if now < self._look_at:
            return None
        self._look_at = now + _LOOK_AGAIN
        provider = configured_provider()
        if provider is not None:
            self._use(provider)
        return self._tracer

    def _use(self, provider: Any) -> None:
        tracer = provider.get_tracer(INSTRUMENTATION, schema_url=SCHEMA)
        if not isinstance(tracer, NoOpTracer):  # as where the SDK is disabled
            self._tracer = tracer

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
