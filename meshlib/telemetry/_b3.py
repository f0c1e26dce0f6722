"""
Zipkin's B3, in one header and in several, by OpenTelemetry's propagator.

What it leaves to wish for is mended here: ids of nothing but zeros would take the place of a
trace that another format holds, a malformed single header would hide several good ones, a
decision that is left to us would mean no when it comes in several headers and yes in one,
and neither the wish to debug nor the id of the parent would be passed on.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context

from .._exceptions import ConfigurationError

_DEBUG = contexts.create_key("meshlib-b3-debug")
_SINGLE = "b3"
_SAMPLED = "x-b3-sampled"
_FLAGS = "x-b3-flags"
_PARENT = "x-b3-parentspanid"


class B3:
    """One of the two forms; both are read, whichever is written."""

    def __init__(self, *, several: bool) -> None:
        try:
            from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
        except ImportError:
            raise ConfigurationError(
                "B3 headers need opentelemetry-propagator-b3, which is not installed",
                path="telemetry.propagation",
                hint="pip install 'meshlib-client[b3]'",
            ) from None
        self._several = several
        self._format = B3MultiFormat() if several else B3SingleFormat()

    def extract(self, carrier: Mapping[str, str], context: Context) -> Context:
        """*context* with the trace that *carrier* holds; the same without one."""
        single = carrier.get(_SINGLE)
        if single is not None:
            found = self._found({_SINGLE: single}, context)
            if found is not context:
                return _debugging(found, single.split("-")[2:3] == ["d"])
        rest = {name: value for name, value in carrier.items() if name != _SINGLE}
        if _SAMPLED not in rest and _FLAGS not in rest:
            rest[_SAMPLED] = "1"
        return _debugging(self._found(rest, context), rest.get(_FLAGS) == "1")

    def _found(self, carrier: dict[str, str], context: Context) -> Context:
        found = self._format.extract(carrier, context)
        valid = trace.get_current_span(found).get_span_context().is_valid
        return found if valid else context

    def inject(self, carrier: MutableMapping[str, str], context: Context) -> None:
        """Write the current span of *context* to *carrier*."""
        span: Any = trace.get_current_span(context)
        if not span.get_span_context().is_valid:
            return
        self._format.inject(carrier, context)
        debug = contexts.get_value(_DEBUG, context) is True
        # Of the span whose id is sent, which only those of an SDK know.
        parent = getattr(span, "parent", None)
        parent_id = "" if parent is None else trace.format_span_id(parent.span_id)
        if self._several:
            if debug:  # which implies that it is sampled
                carrier.pop(_SAMPLED, None)
                carrier[_FLAGS] = "1"
            if parent_id:
                carrier[_PARENT] = parent_id
        else:
            ids, _, sampled = carrier[_SINGLE].rpartition("-")
            carrier[_SINGLE] = "-".join(filter(None, (ids, "d" if debug else sampled, parent_id)))


def _debugging(context: Context, debug: bool) -> Context:
    return contexts.set_value(_DEBUG, True, context) if debug else context
