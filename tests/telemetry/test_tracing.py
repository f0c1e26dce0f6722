"""Spans of calls and attempts, end to end through a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from meshlib import MeshClient
from meshlib.telemetry import Tracing, tracing
from meshlib.telemetry._redact import redacted

Spans = Callable[[], list[ReadableSpan]]


@pytest.fixture
def provider() -> TracerProvider:
    """A provider of its own, so that nothing global is set."""
    return TracerProvider()


@pytest.fixture
def spans(provider: TracerProvider) -> Spans:
    """The spans that have ended, in the order of their ends."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return lambda: list(exporter.get_finished_spans())


def client(provider: TracerProvider, handler: Any, **settings: Any) -> MeshClient:
    """A traced client of one service with two endpoints."""
    service = {
        "endpoints": ["http://10.0.0.1:1", "http://10.0.0.1:2"],
        "balancer": "round_robin",
        "retry": {"backoff": {"initial": 0}},
        **settings,
    }
    made = MeshClient("shop", services={"users": service}, transport=httpx.MockTransport(handler))
    made.mesh.service("users").tracing = Tracing(provider)
    return made


def test_a_retried_call_has_one_span_and_one_beneath_it_for_each_attempt(
    provider: TracerProvider, spans: Spans
) -> None:
    """The attempts are client spans of the call's; the second one is a resend."""
    answers = iter([503, 200])
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["traceparent"])
        return httpx.Response(next(answers))

    client(provider, handler).get("users", "/api?token=x")
    first, second, call = spans()
    assert [SpanKind.CLIENT, SpanKind.CLIENT, SpanKind.INTERNAL] == [
        span.kind for span in (first, second, call)
    ]
    assert call.context is not None
    for span in (first, second):
        assert span.parent is not None
        assert call.context.span_id == span.parent.span_id
        assert span.context is not None
    assert [f"{span.context.span_id:016x}" for span in (first, second) if span.context] == [
        header.split("-")[2] for header in seen
    ]
    assert first.attributes is not None
    assert second.attributes is not None
    assert StatusCode.ERROR == first.status.status_code
    assert "unavailable" == first.attributes["meshlib.outcome"]
    assert "503" == first.attributes["error.type"]
    assert "http.request.resend_count" not in first.attributes
    assert 1 == second.attributes["http.request.resend_count"]
    assert str(second.attributes["url.full"]).endswith("/api?token=REDACTED")
    assert call.attributes is not None
    assert 2 == call.attributes["meshlib.attempts"]
    assert 200 == call.attributes["http.response.status_code"]


def test_an_error_tells_its_type_and_not_its_text(provider: TracerProvider, spans: Spans) -> None:
    """What a message holds may be secret."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("secret")

    with pytest.raises(httpx.ReadError):
        client(provider, handler, retry=False).get("users", "/")
    for span in spans():
        assert span.attributes is not None
        assert "httpx.ReadError" == span.attributes["error.type"]
        assert "secret" not in span.to_json()


def test_the_spans_follow_the_current_one(provider: TracerProvider, spans: Spans) -> None:
    """The call's span is a child of what the application is doing."""
    with provider.get_tracer("test").start_as_current_span("outer") as outer:
        client(provider, lambda request: httpx.Response(200)).get("users", "/")
    call = next(span for span in spans() if span.kind is SpanKind.INTERNAL)
    assert call.parent is not None
    assert outer.get_span_context().span_id == call.parent.span_id


def test_a_fault_is_marked(provider: TracerProvider, spans: Spans) -> None:
    """The attempt's span names the rule that acted on it."""
    made = client(provider, lambda request: httpx.Response(200))
    made.mesh.apply(
        {
            "services": made.mesh.config.services,
            "faults": [{"name": "down", "abort": {"status": 500}}],
        }
    )
    made.mesh.service("users").tracing = Tracing(provider)
    assert 500 == made.get("users", "/").status_code
    attempt = spans()[0]
    assert attempt.attributes is not None
    assert "down" == attempt.attributes["meshlib.fault"]


def test_a_cancelled_call_ends_its_spans(provider: TracerProvider, spans: Spans) -> None:
    """KeyboardInterrupt, as cancellation, leaves no span open."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client(provider, handler).get("users", "/")
    assert {SpanKind.CLIENT, SpanKind.INTERNAL} == {span.kind for span in spans()}


def test_without_a_provider_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the API is not a provider; a configured one is used."""
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    assert tracing() is None
    monkeypatch.setattr(trace, "get_tracer_provider", TracerProvider)
    assert isinstance(tracing(), Tracing)


def test_a_provider_that_comes_late_is_found(
    provider: TracerProvider, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service looks again when it looks after its endpoints anyway."""
    made = MeshClient(
        "shop",
        services={"users": ["http://10.0.0.1:1"]},
        transport=httpx.MockTransport(lambda request: httpx.Response(200)),
    )
    service = made.mesh.service("users")
    service.tracing = None
    service.find_tracing = lambda: Tracing(provider)
    made.get("users", "/")
    assert not spans()
    service.refresh(service.clock())
    made.get("users", "/")
    assert 2 == len(spans())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:pass@host:1/a", "http://host:1/a"),
        ("http://host/a?b=1&sig=2", "http://host/a?b=1&sig=REDACTED"),
        ("http://host/?X-Amz-Signature=1", "http://host/?X-Amz-Signature=REDACTED"),
        ("http://host/?access_token=1&keyboard=2", "http://host/?access_token=REDACTED&keyboard=2"),
        ("http://host/?flag", "http://host/?flag"),
    ],
)
def test_credentials_are_redacted(url: str, shown: str) -> None:
    """User information is dropped, and what a telling parameter says is replaced."""
    assert shown == redacted(url)
