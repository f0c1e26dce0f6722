"""
How a trace goes from service to service: the formats of its headers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ._b3 import B3
from ._baggage import well_formed

Header = tuple[bytes, bytes]

_LOGGER = logging.getLogger("meshlib")
_W3C = frozenset((b"traceparent", b"tracestate", b"baggage"))
_B3 = frozenset(
    (b"b3", b"x-b3-traceid", b"x-b3-spanid", b"x-b3-parentspanid", b"x-b3-sampled", b"x-b3-flags")
)
_KNOWN = _W3C | _B3
_LISTS = frozenset(("tracestate", "baggage"))
"""Headers that may come in several lines, which are one list."""


class Propagation:
    """
    Writes the current trace and baggage to headers, and reads those of a request.

    *formats* are `tracecontext`, `baggage`, `b3` and `b3multi`, None what OpenTelemetry is
    configured with. All are written; of those read the first that holds a trace counts.
    Raises ConfigurationError for a format that needs what is not installed. Thread-safe.
    """

    def __init__(self, formats: Sequence[str] | None = None) -> None:
        self._configured = formats is None
        self._formats = [_FORMATS[name]() for name in formats or () if name != "baggage"]
        self._baggage = _BAGGAGE if "baggage" in (formats or ()) else None
        self._named: Any = None
        self._names = _KNOWN
        self._complained = False

    @property
    def names(self) -> frozenset[bytes]:
        """The headers that it may read, in lower case."""
        if not self._configured:
            return _KNOWN
        configured = propagate.get_global_textmap()
        if configured is not self._named:  # asking costs more than reading a trace
            self._named, self._names = configured, _KNOWN | _fields(configured)
        return self._names

    def inject(self, headers: list[Header], context: Context) -> None:
        """Append what carries the current span and the baggage of *context*."""
        carrier: dict[str, str] = {}
        if self._configured:
            propagate.inject(carrier, context=context)
        else:
            for form in self._formats:
                form.inject(carrier, context)
            if self._baggage is not None:
                self._baggage.inject(carrier, context)
        headers += [(name.encode("ascii"), value.encode()) for name, value in carrier.items()]

    def extract(self, headers: Iterable[Header]) -> Context:
        """
        The context of whoever sent *headers*, whose names are in lower case.

        It is empty where they hold none. Never raises: what is malformed is ignored.
        """
        try:
            return self._extracted(_carrier(headers, self.names))
        except Exception:
            if not self._complained:
                self._complained = True
                _LOGGER.exception("trace headers cannot be read; further failures are not logged")
            return Context()

    def _extracted(self, carrier: Mapping[str, str]) -> Context:
        context = Context()
        if not carrier:
            return context
        if self._configured:
            return propagate.extract(carrier, context=context)
        for form in self._formats:
            found = form.extract(carrier, context)
            if found is not context and trace.get_current_span(found).get_span_context().is_valid:
                context = found
                break
        if self._baggage is not None:
            context = self._baggage.extract(carrier, context)
        return context


_BAGGAGE = W3CBaggagePropagator()
_FORMATS: dict[str, Callable[[], Any]] = {
    "tracecontext": TraceContextTextMapPropagator,
    "b3": lambda: B3(several=False),
    "b3multi": lambda: B3(several=True),
}


def _fields(propagator: Any) -> frozenset[bytes]:
    """The headers of *propagator*, which may be anybody's."""
    try:
        return frozenset(name.lower().encode("latin-1", "ignore") for name in propagator.fields)
    except Exception:
        return frozenset()


def received_context(headers: Iterable[Header], propagation: Propagation | None = None) -> Context:
    """
    The trace and the baggage of a request with *headers*, to be attached where it is served.

    An OpenTelemetry context, empty where the headers hold neither. Never raises.
    """
    return (propagation or _CONFIGURED).extract(headers)


def passed_on(headers: Iterable[Header]) -> tuple[Header, ...]:
    """
    The trace headers of a request as they came.

    For calls made for it where nothing traces: whoever is called stays in the trace.
    """
    return tuple(header for header in headers if header[0] in _KNOWN)


def _carrier(headers: Iterable[Header], names: frozenset[bytes]) -> dict[str, str]:
    """The headers that propagators read, as text; one that must not come twice counts as none."""
    carrier: dict[str, str] = {}
    twice = set()
    for name, value in headers:
        if name in names:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            if key not in carrier:
                carrier[key] = text
            elif key in _LISTS:
                carrier[key] += "," + text
            else:
                twice.add(key)
    for key in twice:
        del carrier[key]
    if "baggage" in carrier:
        carrier["baggage"] = well_formed(carrier["baggage"])
    return carrier


_CONFIGURED = Propagation()
