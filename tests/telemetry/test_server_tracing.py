"""The trace of requests that are served, and their server spans."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode

from meshlib.telemetry import ServedTrace, ServerTracing, _server_tracing, carried
from support import FakeClock

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
Spans = Callable[[], list[ReadableSpan]]


def head(*headers: tuple[bytes, bytes], **changed: Any) -> Any:
    """A request as a driver has it."""
    return SimpleNamespace(
        **{
            "method": "GET",
            "path": "/users/7",
            "headers": headers,
            "scheme": "https",
            "peer": "10.0.0.9",
            "route": None,
            **changed,
        }
    )


def begun(tracing: ServerTracing, *headers: tuple[bytes, bytes], **changed: Any) -> ServedTrace:
    """The trace of a request, which must have one."""
    served = tracing.begin(head(*headers, **changed))
    assert served is not None
    return served


def test_a_request_has_a_span_by_the_conventions(provider: TracerProvider, spans: Spans) -> None:
    """A child of its caller's, and current while it is served; a second end changes nothing."""
    tracing = ServerTracing(provider=provider)
    served = begun(tracing, PARENT, (b"cookie", b"secret"))
    with served.current():
        assert trace.get_current_span() is served.span
        tracing.end(served, 200, route="/users/{id}")
    tracing.end(served, 500)
    (span,) = spans()
    assert ("GET /users/{id}", SpanKind.SERVER) == (span.name, span.kind)
    assert span.parent is not None
    assert span.parent.is_remote
    assert TRACE == trace.format_trace_id(span.parent.trace_id) == served.trace_id
    assert {
        "http.request.method": "GET",
        "url.scheme": "https",
        "url.path": "/users/7",
        "network.peer.address": "10.0.0.9",
        "http.route": "/users/{id}",
        "http.response.status_code": 200,
    } == dict(span.attributes or {})
    assert StatusCode.UNSET is span.status.status_code


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (404, None, None),
        (503, None, "503"),
        (500, ValueError("secret"), "ValueError"),
        (None, ValueError("secret"), "ValueError"),
        (200, ValueError("secret"), "ValueError"),
        (None, None, None),
    ],
)
def test_what_the_caller_did_wrong_is_no_failure(
    provider: TracerProvider,
    spans: Spans,
    status: int | None,
    error: Exception | None,
    told: str | None,
) -> None:
    """Errors are told by type alone: their texts could hold what the request held."""
    tracing = ServerTracing(provider=provider)
    tracing.end(begun(tracing, peer=None, route="/x", method="BREW"), status, error)
    (span,) = spans()
    assert "HTTP /x" == span.name
    about = dict(span.attributes or {})
    assert told == about.get("error.type")
    assert (told is not None) == (span.status.status_code is StatusCode.ERROR)
    assert "secret" not in f"{about} {span.status.description} {span.events}"


def test_an_instrumentation_comes_first(provider: TracerProvider, spans: Spans) -> None:
    """Its span is the current one, and a child of the same caller."""
    tracing = ServerTracing(provider=provider)
    for headers in ((PARENT,), ()):
        remote = tracing._propagation.extract(headers)
        tracer = provider.get_tracer("instrumentation")
        present = tracer.start_span("GET", context=remote, kind=SpanKind.SERVER)
        token = contexts.attach(trace.set_span_in_context(present))
        try:
            served = begun(tracing, *headers)
            assert present is served.span
            tracing.end(served, 200)
        finally:
            contexts.detach(token)
        present.end()
    assert ["GET", "GET"] == [span.name for span in spans()]


def test_the_span_of_another_request_is_no_reason_to_make_none(
    provider: TracerProvider, spans: Spans
) -> None:
    """Applications that call each other in one process; nor is a span of another kind."""
    tracing = ServerTracing(provider=provider)
    first = begun(tracing)
    with first.current():
        second = begun(tracing, PARENT)
        assert second.span is not first.span
    inner = provider.get_tracer("test").start_span("inside")
    token = contexts.attach(trace.set_span_in_context(inner))
    try:
        third = begun(tracing)
    finally:
        contexts.detach(token)
    for served in (first, second, third):
        tracing.end(served, 200)
    assert 3 == len(spans())


def test_without_a_provider_the_request_stays_in_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its headers go on as they came; a request without any costs nothing."""
    monkeypatch.setattr(_server_tracing, "configured_provider", lambda: None)
    tracing = ServerTracing(clock=FakeClock())
    assert tracing.begin(head((b"host", b"users"))) is None
    served = begun(tracing, PARENT, (b"baggage", b"a=1"), (b"host", b"users"))
    assert (PARENT, (b"baggage", b"a=1")) == served.headers
    assert carried("a") is None
    with served.current():
        assert ("1", TRACE) == (carried("a"), served.trace_id)
        assert not trace.get_current_span().is_recording()
    assert carried("a") is None
    tracing.end(served, 200)
    tracing.end(None, 200)
    assert "" == begun(tracing, (b"baggage", b"a=1")).trace_id


def test_without_a_provider_in_a_context_of_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A context without a span is no reason to leave the trace of the caller."""
    monkeypatch.setattr(_server_tracing, "configured_provider", lambda: None)
    token = contexts.attach(contexts.set_value("key", 1))
    try:
        served = begun(ServerTracing(clock=FakeClock()), PARENT)
    finally:
        contexts.detach(token)
    assert (TRACE, (PARENT,)) == (served.trace_id, served.headers)


def test_a_provider_is_found_within_a_second(
    monkeypatch: pytest.MonkeyPatch, provider: TracerProvider
) -> None:
    """It is asked for once a second, not with each request."""
    found: list[Any] = [None]
    asked: list[None] = []

    def configured() -> Any:
        asked.append(None)
        return found[0]

    monkeypatch.setattr(_server_tracing, "configured_provider", configured)
    clock = FakeClock()
    tracing = ServerTracing(clock=clock)
    for _ in range(3):
        assert tracing.begin(head()) is None
    assert 1 == len(asked)
    found[0] = NoOpTracerProvider()  # as where the SDK is disabled
    clock.advance(1.0)
    assert tracing.begin(head()) is None
    found[0] = provider
    clock.advance(1.0)
    assert begun(tracing).span.is_recording()


def test_a_fault_is_named_in_the_span(provider: TracerProvider, spans: Spans) -> None:
    """Where there is a span."""
    tracing = ServerTracing(provider=provider)
    served = begun(tracing)
    tracing.name_fault(served, "slow")
    tracing.end(served, 200)
    assert "slow" == (spans()[0].attributes or {})["meshlib.fault"]


class Broken:
    """A provider whose tracer, or whose spans, fail."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def get_tracer(self, *_: Any, **__: Any) -> Any:
        """Itself."""
        return self

    def start_span(self, *_: Any, **__: Any) -> Any:
        """A span, or an error."""
        if self._span is None:
            raise RuntimeError("no span")
        return self._span


def test_nothing_that_fails_gets_out(caplog: pytest.LogCaptureFixture) -> None:
    """The first of it is logged."""
    tracing = ServerTracing(provider=Broken())
    assert [None, None] == [tracing.begin(head()) for _ in range(2)]
    ended: list[None] = []

    class Span(trace.NonRecordingSpan):
        def set_attributes(self, attributes: Any) -> None:
            raise RuntimeError("no attributes")

        def set_attribute(self, key: str, value: Any) -> None:
            raise RuntimeError("no attribute")

        def end(self, end_time: int | None = None) -> None:
            ended.append(None)

    tracing = ServerTracing(provider=Broken(Span(trace.INVALID_SPAN_CONTEXT)))
    served = tracing.begin(head())
    assert served is not None
    tracing.name_fault(served, "slow")
    tracing.end(served, 200)
    assert [None] == ended
    assert 2 == sum(record.levelno == logging.ERROR for record in caplog.records)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"traceparent", b"tracestate", b"baggage", b"b3", b"x-b3-traceid"]),
            st.binary(max_size=120),
        ),
        max_size=5,
    )
)
def test_whatever_a_request_says_it_is_served(headers: list[tuple[bytes, bytes]]) -> None:
    """A trace that cannot be read is none."""
    tracing = ServerTracing(provider=TracerProvider(shutdown_on_exit=False))
    served = begun(tracing, *headers)
    with served.current():
        tracing.end(served, 200)
