"""Faults of other services, in the spans of both sides."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from meshlib._models import UNAVAILABLE
from meshlib.inbound import Head
from meshlib.telemetry import ServerTracing, Tracing

Spans = Callable[[], list[ReadableSpan]]


def test_an_attempt_names_the_faults_of_those_called(
    provider: TracerProvider, spans: Spans
) -> None:
    """As the answer told them."""
    tracing = Tracing(provider)
    request = SimpleNamespace(method="GET", url=httpx.URL("http://users/api"))
    call = SimpleNamespace(request=request, service=SimpleNamespace(name="users"), span=None)
    target = SimpleNamespace(address="http://h:80", host=b"h", port=80)
    attempt = SimpleNamespace(
        call=call, target=target, number=1, probe=False, hedge=False, fault=None, span=None,
        status=503, error=None, outcome=UNAVAILABLE, upstream_faults=("stock/cut", "stock/slow"),
    )  # fmt: skip
    tracing.call_started(call)
    tracing.attempt_started(attempt)
    tracing.attempt_ended(attempt, None)
    attributes = spans()[0].attributes
    assert attributes is not None
    assert ("stock/cut", "stock/slow") == attributes["meshlib.upstream_faults"]


def test_the_span_of_a_request_names_its_fault(provider: TracerProvider, spans: Spans) -> None:
    """Whoever made the span."""
    tracing = ServerTracing(provider=provider)
    served = tracing.begin(Head("GET", "/"))
    assert served is not None
    tracing.name_fault(served, "cut")
    tracing.end(served, 503)
    assert "cut" == (spans()[0].attributes or {})["meshlib.fault"]


def test_a_span_that_cannot_be_told_of_a_fault_fails_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Spans of others may be of any kind."""

    class Broken(trace.NonRecordingSpan):
        def set_attribute(self, key: str, value: Any) -> None:
            raise RuntimeError("no")

    served = SimpleNamespace(span=Broken(trace.INVALID_SPAN_CONTEXT))
    ServerTracing().name_fault(served, "cut")  # type: ignore[arg-type]  # as far as it is used
    assert "server spans failed" in caplog.text
