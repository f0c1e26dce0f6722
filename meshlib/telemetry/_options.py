"""
What may be said of telemetry.
"""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from .._options import Options

Format = Literal["tracecontext", "baggage", "b3", "b3multi"]


class TelemetryOptions(Options):
    """How traces go from service to service."""

    propagation: tuple[Format, ...] | None = None
    """
    The formats of trace headers: W3C's `tracecontext` and `baggage`, and Zipkin's `b3` in
    one header and `b3multi` in several. All of them are sent; of those received the first
    of the list counts that holds a trace. Null is what `OTEL_PROPAGATORS` says, by default
    `tracecontext` and `baggage`. Both of Zipkin's need the extra `b3`.
    """

    @field_validator("propagation")
    @classmethod
    def _each_once(cls, value: tuple[Format, ...] | None) -> tuple[Format, ...] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("each format may be named once")
        return value
