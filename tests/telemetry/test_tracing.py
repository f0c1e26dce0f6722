"""Spans of calls and attempts, of fakes and end to end through clients."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import anyio
import httpx
import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode

from meshlib import AsyncMeshClient, CallOptions, CircuitOpenError, Mesh, MeshClient
from meshlib._models import CANCELLED, NEVER_SENT, SUCCESS
from meshlib.telemetry import Tracing, _tracing, tracing
from support import FakeClock

Spans = Callable[[], list[ReadableSpan]]
Handler = Callable[[httpx.Request], httpx.Response]

ONE, TWO = "http://10.0.0.1:1", "http://10.0.0.1:2"


def good(request: httpx.Request) -> httpx.Response:
    """Answer everything."""
    return httpx.Response(200)


def traced(provider: Any, client: Any) -> Any:
    """*client*, whose service `users` has its spans from *provider*."""
    client.mesh.service("users").tracing = Tracing(provider)
    return client


def client(provider: Any, handler: Handler, **settings: Any) -> MeshClient:
    """A traced client of one service with two endpoints."""
    service = {
        "endpoints": [ONE, TWO],
        "balancer": "round_robin",
        "retry": {"backoff": {"initial": 0}},
        **settings,
    }
    made = MeshClient("shop", services={"users": service}, transport=httpx.MockTransport(handler))
    return traced(provider, made)  # type: ignore[no-any-return] # -- it is the one given


def about(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of *span*."""
    return dict(span.attributes or {})


def id_of(span: Any) -> int:
    """The id of *span*."""
    found: int = span.get_span_context().span_id
    return found


def parent_of(span: ReadableSpan) -> int | None:
    """The id of the span above *span*."""
    return None if span.parent is None else span.parent.span_id


def sorted_out(spans: list[ReadableSpan]) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """The span of the only call, and those of its attempts in the order of their beginning."""
    (call,) = [span for span in spans if span.kind is SpanKind.INTERNAL]
    attempts = [span for span in spans if span.kind is SpanKind.CLIENT]
    assert {id_of(call)} >= {parent_of(span) for span in attempts}
    assert len(spans) == 1 + len(attempts)
    return call, sorted(attempts, key=lambda span: about(span)["meshlib.attempt"])


def test_a_retried_call_has_a_span_for_itself_and_one_for_each_attempt(
    provider: TracerProvider, spans: Spans
) -> None:
    """The attempts are client spans of the call's; the second one is a resend."""
    answers = iter([503, 200])
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["traceparent"])
        return httpx.Response(next(answers), extensions={"http_version": b"HTTP/1.1"})

    client(provider, handler).get("users", "/api?token=x&page=1")
    call, (first, second) = sorted_out(spans())
    assert [f"{id_of(span):016x}" for span in (first, second)] == [
        header.split("-")[2] for header in seen
    ]
    assert ("GET users", "GET") == (call.name, first.name)
    assert {
        "meshlib.service": "users",
        "meshlib.attempts": 2,
        "http.request.method": "GET",
        "http.response.status_code": 200,
    } == about(call)
    port = about(first)["server.port"]
    assert {
        "http.request.method": "GET",
        "url.full": f"http://10.0.0.1:{port}/api?token=REDACTED&page=1",
        "server.address": "10.0.0.1",
        "server.port": port,
        "http.response.status_code": 503,
        "error.type": "503",
        "meshlib.service": "users",
        "meshlib.endpoint": f"http://10.0.0.1:{port}",
        "meshlib.attempt": 1,
        "meshlib.outcome": "unavailable",
        "meshlib.hedge": False,
        "meshlib.probe": False,
    }.items() <= about(first).items()
    assert "http.request.resend_count" not in about(first)
    assert 1 == about(second)["http.request.resend_count"]
    assert "success" == about(second)["meshlib.outcome"]
    assert [StatusCode.UNSET, StatusCode.ERROR, StatusCode.UNSET] == [
        span.status.status_code for span in (call, first, second)
    ]


def test_a_client_error_is_an_error(provider: TracerProvider, spans: Spans) -> None:
    """As the conventions have it for clients, though nothing is wrong with the endpoint."""
    client(provider, lambda request: httpx.Response(404)).get("users", "/")
    call, (attempt,) = sorted_out(spans())
    assert StatusCode.ERROR == attempt.status.status_code == call.status.status_code
    assert attempt.status.description is None
    assert ("404", "success") == (about(attempt)["error.type"], about(attempt)["meshlib.outcome"])


def test_an_error_tells_its_type_and_not_its_text(provider: TracerProvider, spans: Spans) -> None:
    """What a message or a header holds may be secret."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("secret")

    with pytest.raises(httpx.ReadError):
        client(provider, handler, retry=False).get(
            "users", "/?key=secret", headers={"authorization": "secret"}
        )
    call, (attempt,) = sorted_out(spans())
    for span in (call, attempt):
        assert "httpx.ReadError" == about(span)["error.type"]
        assert (StatusCode.ERROR, "ReadError") == (
            span.status.status_code,
            span.status.description,
        )
        assert "secret" not in span.to_json()


def test_a_rejected_call_has_no_attempt(provider: TracerProvider, spans: Spans) -> None:
    """Its span tells why, and how many attempts were about to be made."""
    made = client(provider, good)
    for target in made.mesh.service("users").targets:
        target.breaker.isolate()
    with pytest.raises(CircuitOpenError):
        made.get("users", "/")
    call, attempts = sorted_out(spans())
    assert not attempts
    assert "meshlib.CircuitOpenError" == about(call)["error.type"]


def test_a_fallback_is_named(provider: TracerProvider, spans: Spans) -> None:
    """The call ends well, its attempt does not."""
    options = CallOptions(fallback={"name": "?"}, retry=False)
    made = client(provider, lambda request: httpx.Response(503))
    assert 200 == made.get("users", "/", extensions={"mesh": options}).status_code
    call, (attempt,) = sorted_out(spans())
    assert ("value", 200) == (
        about(call)["meshlib.fallback"],
        about(call)["http.response.status_code"],
    )
    assert StatusCode.UNSET == call.status.status_code
    assert StatusCode.ERROR == attempt.status.status_code


def test_the_spans_follow_the_current_one(provider: TracerProvider, spans: Spans) -> None:
    """The call's span is a child of what the application is doing, which stays current."""
    with provider.get_tracer("test").start_as_current_span("outer") as outer:
        client(provider, good).get("users", "/")
        assert trace.get_current_span() is outer
    call, _ = sorted_out(spans()[:-1])
    assert id_of(outer) == parent_of(call)


def test_baggage_goes_along(provider: TracerProvider) -> None:
    """By the propagators that are configured, which by default are W3C's."""
    seen: list[httpx.Headers] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200)

    token = context.attach(baggage.set_baggage("tenant", "a b"))
    try:
        client(provider, handler).get("users", "/", headers={"traceparent": "stale"})
    finally:
        context.detach(token)
    assert "tenant=a+b" == seen[0]["baggage"]
    assert 1 == len(seen[0].get_list("traceparent"))
    assert seen[0]["traceparent"].startswith("00-")


@pytest.mark.parametrize("phase", ["attempt", "call"])
def test_a_fault_is_marked(provider: TracerProvider, spans: Spans, phase: str) -> None:
    """The span of what it acted on names the rule, and that of the call counts it."""
    made = client(provider, good)
    made.mesh.apply(
        {
            "services": made.mesh.config.services,
            "faults": [{"name": "down", "abort": {"status": 500}, "phase": phase}],
        }
    )
    traced(provider, made)
    assert 500 == made.get("users", "/").status_code
    call, attempts = sorted_out(spans())
    assert 1 == about(call)["meshlib.faults"]
    (marked,) = attempts or (call,)
    assert ("down", "status") == (
        about(marked)["meshlib.fault"],
        about(marked)["meshlib.fault.kind"],
    )
    assert ("meshlib.fault" in about(call)) == (phase == "call")


def test_a_call_that_is_broken_off_ends_its_spans(provider: TracerProvider, spans: Spans) -> None:
    """KeyboardInterrupt leaves no span open."""

    def handler(request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client(provider, handler).get("users", "/")
    call, (attempt,) = sorted_out(spans())
    assert "cancelled" == about(attempt)["meshlib.outcome"]
    assert StatusCode.UNSET == attempt.status.status_code
    assert "KeyboardInterrupt" == about(call)["error.type"]


def test_a_body_that_breaks_changes_no_span(provider: TracerProvider, spans: Spans) -> None:
    """A span ends with the headers, once."""

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise httpx.ReadError("reset")

    made = client(provider, lambda request: httpx.Response(200, content=chunks()))
    with pytest.raises(httpx.ReadError):
        made.get("users", "/")
    _, (attempt,) = sorted_out(spans())
    assert "success" == about(attempt)["meshlib.outcome"]


def test_calls_of_many_threads_are_kept_apart(provider: TracerProvider, spans: Spans) -> None:
    """Each call has its own parent, whatever other threads do."""
    made = client(provider, good)
    tracer = provider.get_tracer("test")

    def work(number: int) -> int:
        with tracer.start_as_current_span(f"outer {number}") as outer:
            made.get("users", "/")
            return id_of(outer)

    with ThreadPoolExecutor(8) as pool:
        outers = list(pool.map(work, range(40)))
    calls = [span for span in spans() if span.name == "GET users"]
    attempts = [span for span in spans() if span.name == "GET"]
    assert sorted(outers) == sorted(parent_of(call) or 0 for call in calls)
    assert sorted(map(id_of, calls)) == sorted(parent_of(attempt) or 0 for attempt in attempts)


def test_the_loser_of_a_hedge_ends_its_span(provider: TracerProvider, spans: Spans) -> None:
    """The first attempt waits for ever, the hedge answers; both are the call's."""
    release = threading.Event()
    first = threading.Event()

    def handler(request: httpx.Request) -> httpx.Response:
        if not first.is_set():
            first.set()
            release.wait(30)
        return httpx.Response(200)

    made = client(provider, handler, hedge={"delay": 0.001})
    try:
        assert 200 == made.get("users", "/").status_code
        _, (loser, winner) = sorted_out(spans())
    finally:
        release.set()
    assert ("cancelled", False) == (
        about(loser)["meshlib.outcome"],
        about(loser)["meshlib.hedge"],
    )
    assert ("success", True) == (about(winner)["meshlib.outcome"], about(winner)["meshlib.hedge"])


@pytest.mark.anyio
async def test_calls_of_many_tasks_are_kept_apart(provider: TracerProvider, spans: Spans) -> None:
    """Each call has its own parent, and a cancelled one ends its spans too."""
    waiting = anyio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/never":
            waiting.set()
            await anyio.sleep_forever()
        await anyio.lowlevel.checkpoint()
        return httpx.Response(200)

    transport = httpx.MockTransport(handler)
    tracer = provider.get_tracer("test")
    outers: list[int] = []
    async with AsyncMeshClient("shop", services={"users": [ONE, TWO]}, transport=transport) as made:
        traced(provider, made)

        async def work(number: int) -> None:
            with tracer.start_as_current_span(f"outer {number}") as outer:
                outers.append(id_of(outer))
                await made.get("users", "/")

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(work, number)
        calls = [span for span in spans() if span.name == "GET users"]
        assert sorted(outers) == sorted(parent_of(call) or 0 for call in calls)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.get, "users", "/never")
            await waiting.wait()
            tasks.cancel_scope.cancel()
    attempt, call = spans()[-2:] if spans()[-1].kind is SpanKind.INTERNAL else spans()[:-3:-1]
    assert "cancelled" == about(attempt)["meshlib.outcome"]
    assert id_of(call) == parent_of(attempt)


# What a tracer is told, without a client


def attempt_of(provider: Any, **values: Any) -> tuple[Tracing, Any]:
    """Fakes of a call and its attempt, both with their spans begun."""
    spans = Tracing(provider)
    url = httpx.URL("http://users/api")
    call = SimpleNamespace(
        request=SimpleNamespace(method=values.pop("method", "GET"), url=url),
        service=SimpleNamespace(name="users"),
        span=None,
        number=1,
        fallback_used=None,
    )
    target = SimpleNamespace(address="https://h:443/base", host=b"h", port=443)
    attempt = SimpleNamespace(
        call=call, target=target, number=1, probe=True, hedge=False, fault=None, span=None,
        upstream_faults=(),
        status=200, error=None, outcome=SUCCESS,
    )  # fmt: skip
    vars(attempt).update(values)
    spans.call_started(call)
    spans.attempt_started(attempt)
    return spans, attempt


@pytest.mark.parametrize(("raw", "version"), [(b"HTTP/1.1", "1.1"), (b"HTTP/2", "2"), (None, None)])
def test_the_version_of_the_protocol_is_told_when_known(
    provider: TracerProvider, spans: Spans, raw: bytes | None, version: str | None
) -> None:
    """A transport of another kind may leave it open."""
    tracer, attempt = attempt_of(provider)
    extensions = {} if raw is None else {"http_version": raw}
    tracer.attempt_ended(attempt, httpx.Response(200, extensions=extensions))
    assert version == about(spans()[0]).get("network.protocol.version")


def test_a_method_that_is_not_known_is_named_apart(provider: TracerProvider, spans: Spans) -> None:
    """Names of spans are to be few, and anybody can invent a method."""
    tracer, attempt = attempt_of(provider, method="BREW")
    tracer.attempt_ended(attempt)
    tracer.call_ended(attempt.call, 200, None)
    first, call = spans()
    assert ("HTTP", "HTTP users") == (first.name, call.name)
    for span in (first, call):
        assert ("_OTHER", "BREW") == (
            about(span)["http.request.method"],
            about(span)["http.request.method_original"],
        )


def test_the_prefix_of_an_endpoint_is_part_of_the_url(
    provider: TracerProvider, spans: Spans
) -> None:
    """What is told is what went to the wire; a probe is named as one."""
    tracer, attempt = attempt_of(provider)
    tracer.attempt_ended(attempt)
    told = about(spans()[0])
    assert ("https://h:443/base/api", True) == (told["url.full"], told["meshlib.probe"])


def test_errors_are_named_by_their_class(provider: TracerProvider, spans: Spans) -> None:
    """Built-in ones without a module."""
    tracer, attempt = attempt_of(provider, status=None, error=OSError(), outcome=NEVER_SENT)
    tracer.attempt_ended(attempt)
    assert "OSError" == about(spans()[0])["error.type"]


def test_a_span_ends_once(provider: TracerProvider, spans: Spans) -> None:
    """The second end of an attempt or a call changes nothing."""
    tracer, attempt = attempt_of(provider)
    for outcome in (SUCCESS, CANCELLED):
        attempt.outcome = outcome
        tracer.attempt_ended(attempt)
        tracer.call_ended(attempt.call, 200, None)
    assert 2 == len(spans())
    assert "success" == about(spans()[0])["meshlib.outcome"]


def test_a_retry_of_a_call_that_began_untraced_stays_so(
    provider: TracerProvider, spans: Spans
) -> None:
    """The provider was configured while it was under way, and half a call tells little."""
    tracer, attempt = attempt_of(provider)
    attempt.call.span = attempt.span = None
    attempt.number = 2
    tracer.attempt_started(attempt)
    tracer.attempt_ended(attempt)
    tracer.call_ended(attempt.call, 200, None)
    assert attempt.span is None
    assert not spans()


def test_an_unsampled_call_is_passed_on_as_such() -> None:
    """The server is told not to sample either."""
    tracer, attempt = attempt_of(TracerProvider(ALWAYS_OFF, shutdown_on_exit=False))
    headers: list[tuple[bytes, bytes]] = [(b"accept", b"*/*")]
    tracer.inject(attempt.span, headers)
    tracer.attempt_ended(attempt)
    assert (b"accept", b"*/*") == headers[0]
    assert b"traceparent" == headers[1][0]
    assert not int(headers[1][1][-2:], 16) & trace.TraceFlags.SAMPLED


class Broken(SpanProcessor):
    """A processor with a defect."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Fail for attempts."""
        if span.kind is SpanKind.CLIENT:
            raise RuntimeError("on_start")

    def on_end(self, span: Any) -> None:
        """Fail always."""
        raise RuntimeError("on_end")


def test_a_broken_processor_fails_no_call(
    provider: TracerProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, and every permit is given back."""
    provider.add_span_processor(Broken())
    made = client(provider, good)
    for _ in range(3):
        assert 200 == made.get("users", "/").status_code
    assert ["tracing failed; further failures are not logged"] == [
        record.getMessage() for record in caplog.records if record.levelno == logging.ERROR
    ]
    users = made.mesh.metrics().services["users"]
    assert 0 == users.in_flight == sum(one.in_flight for one in users.endpoints.values())


def test_a_broken_propagator_fails_no_call(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The headers stay as they were, whatever it had written by then."""
    tracer, attempt = attempt_of(provider)

    def inject(carrier: dict[str, str], context: Any) -> None:
        carrier["x-good"] = "1"
        carrier["x-bäd"] = "1"

    monkeypatch.setattr(propagate, "inject", inject)
    headers: list[tuple[bytes, bytes]] = []
    tracer.inject(attempt.span, headers)
    assert not headers
    assert tracer.complained


# Whether there is anything to tell


def test_without_a_provider_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of the API's stand-ins is a provider; a configured one is used."""
    for nothing in (trace.ProxyTracerProvider, NoOpTracerProvider):
        monkeypatch.setattr(trace, "get_tracer_provider", nothing)
        assert tracing() is None
    monkeypatch.setattr(
        trace, "get_tracer_provider", lambda: TracerProvider(shutdown_on_exit=False)
    )
    assert isinstance(tracing(), Tracing)


def test_a_disabled_sdk_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SDK_DISABLED turns spans off at no further cost."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    disabled = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: disabled)
    assert tracing() is None


def test_a_provider_that_cannot_be_loaded_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slip in the environment makes no client unusable, and fills no log."""
    asked: list[int] = []

    def unloadable() -> Any:
        asked.append(1)
        raise StopIteration

    monkeypatch.setattr(_tracing, "_broken", [])
    monkeypatch.setattr(trace, "get_tracer_provider", unloadable)
    assert [None, None] == [tracing(), tracing()]
    assert 1 == len(asked)


@pytest.mark.parametrize("outlier", [True, False])
def test_a_provider_that_comes_late_is_found(
    provider: TracerProvider, spans: Spans, outlier: bool
) -> None:
    """By the first call, and by one in a second after it; whatever else there is to look after."""
    clock = FakeClock()
    looked: list[float] = []
    found: list[Tracing] = []

    def look() -> Tracing | None:
        looked.append(clock())
        return found[0] if found else None

    users = {"endpoints": ["http://10.0.0.1:1"], "outlier": outlier}
    mesh = Mesh("shop", services={"users": users}, clock=clock)
    service = mesh.service("users")
    service.tracing, service.find_tracing = None, look
    service.rebuild()
    made = MeshClient(mesh=mesh, transport=httpx.MockTransport(good))
    start = clock()
    for _ in range(3):
        made.get("users", "/")
    clock.advance(0.9)
    made.get("users", "/")
    assert [start] == looked
    found.append(Tracing(provider))
    clock.advance(0.2)
    for _ in range(3):
        made.get("users", "/")
    assert 2 == len(looked)
    calls = [span for span in spans() if span.kind is SpanKind.INTERNAL]
    assert (3, 6) == (len(calls), len(spans()))
    clock.advance(100.0)
    made.get("users", "/")
    assert 2 == len(looked)
