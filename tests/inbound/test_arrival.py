"""What is in force while a request is served, and what its end tells."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from meshlib._context import ambient_deadline, client_ip, deadline, tenants
from meshlib.events import Event, RequestServed
from meshlib.inbound import Head, served_request
from meshlib.telemetry import Propagation, ServerTracing
from support import FakeClock

Make = Any
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def head(**headers: str) -> Head:
    """A request from a peer that is trusted."""
    pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return Head("GET", "/", pairs, peer="10.0.0.9")


def test_context(make: Make) -> None:
    """Inside, calls find the request and what it brought; outside, nothing is left of it."""
    arrival = make().arrive(head(x_meshlib_tenant="acme", x_envoy_expected_rq_timeout_ms="300"))
    token = tenants.set(("outer",))
    with arrival.context() as served:
        assert served is served_request.get() is arrival.served
        assert ("10.0.0.9", ("acme", "outer")) == (client_ip(), tenants.get())
        assert arrival.deadline == ambient_deadline.get()
    assert (None, ("outer",)) == (served_request.get(), tenants.get())
    assert (None, None) == (client_ip(), ambient_deadline.get())
    tenants.reset(token)


def test_context_within_another(make: Make) -> None:
    """The inner request has nothing of the outer one, and the outer one is there again."""
    outer, inner = make().arrive(head()), make().arrive(Head("GET", "/"))
    with outer.context():
        with inner.context():
            assert (inner.served, None) == (served_request.get(), client_ip())
        assert (outer.served, "10.0.0.9") == (served_request.get(), client_ip())


@pytest.mark.parametrize(("seconds", "nearer"), [(0.1, True), (9.0, False)])
def test_context_never_extends_a_deadline(
    make: Make, clock: FakeClock, seconds: float, nearer: bool
) -> None:
    """The one that is around stays where it is nearer."""
    arrival = make().arrive(head(x_envoy_expected_rq_timeout_ms="300"))
    with deadline(seconds, clock=clock) as outer, arrival.context():
        assert (outer if nearer else arrival.deadline) == ambient_deadline.get()


def test_context_is_left_by_an_error(make: Make) -> None:
    """An error of the application passes, and nothing stays behind."""
    arrival = make().arrive(head())
    with pytest.raises(KeyError), arrival.context():
        raise KeyError
    assert served_request.get() is None


def test_trace_goes_on_without_a_tracer(make: Make) -> None:
    """Calls carry the trace headers on, and baggage is there, although nothing records."""
    arrival = make(ServerTracing()).arrive(head(traceparent=TRACE, baggage="user=7"))
    assert (b"traceparent", TRACE.encode()) in arrival.served.headers
    with arrival.context():
        assert "7" == baggage.get_baggage("user")
        assert TRACE.split("-")[1] == format(
            trace.get_current_span().get_span_context().trace_id, "032x"
        )
    arrival.finish(200)


@pytest.mark.parametrize("value", [b"a\x00", b"a\r\nb: c", b"\xff", b"a" * 8193])
def test_a_trace_that_cannot_be_sent_is_not_carried_on(make: Make, value: bytes) -> None:
    """Else the calls made for the request would fail by it."""
    arrival = make(ServerTracing()).arrive(Head("GET", "/", [(b"traceparent", value)]))
    assert b"traceparent" not in dict(arrival.served.headers)


def test_no_trace(make: Make) -> None:
    """Where there is neither a tracer nor a header there is nothing to carry on."""
    arrival = make(ServerTracing()).arrive(head())
    assert arrival.trace is None


def test_headers_of_other_propagators_are_found(
    make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that are configured later, within a second."""
    propagation = Propagation()
    arrive = make(ServerTracing(propagation, clock=clock)).arrive
    other = Head("GET", "/", [(b"uber-trace-id", b"1")])
    assert arrive(other).trace is None
    monkeypatch.setattr(Propagation, "names", frozenset({b"uber-trace-id"}))
    assert arrive(other).trace is None
    clock.advance(1.0)
    assert arrive(other).trace is not None


def test_span(make: Make, events: list[Event], clock: FakeClock) -> None:
    """A server span from arrival to end, with the route that was matched; events have it."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    arrival = make(ServerTracing(provider=provider)).arrive(head(traceparent=TRACE))
    with arrival.context():
        assert arrival.trace.span is trace.get_current_span()
    arrival.route = "/users/{id}"
    arrival.finish(200)
    (span,) = exporter.get_finished_spans()
    assert span.attributes is not None
    assert ("GET /users/{id}", 200) == (span.name, span.attributes["http.response.status_code"])
    (event,) = events
    assert isinstance(event, RequestServed)
    assert arrival.trace.span is event.span
    provider.shutdown()


def test_finish_tells_once(make: Make, events: list[Event], clock: FakeClock) -> None:
    """The first end counts; metrics and listeners hear of it, and of nothing after it."""
    inbound = make()
    arrival = inbound.arrive(Head("PUT", "/", peer="10.0.0.9", route="/x"))
    assert 1 == inbound.counts().in_flight
    clock.advance(0.5)
    arrival.finish(200)
    arrival.finish(500, ValueError())
    (event,) = events
    assert (
        RequestServed(
            service="orders",
            method="PUT",
            route="/x",
            status=200,
            error=None,
            elapsed=0.5,
            request=arrival.served,
        )
        == event
    )
    counts = inbound.counts()
    assert (1, 0, 0, 0.5) == (counts.served, counts.failed, counts.in_flight, counts.seconds)


@pytest.mark.parametrize(
    ("status", "error", "failed"),
    [(200, None, 0), (404, None, 0), (500, None, 1), (200, OSError(), 1), (None, None, 1)],
)
def test_failures_are_counted(
    make: Make, status: int | None, error: BaseException | None, failed: int
) -> None:
    """What ended with an error, without an answer, or with a status of 500 and above."""
    inbound = make()
    inbound.arrive(head()).finish(status, error)
    assert failed == inbound.counts().failed


class Gate:
    """Records who leaves."""

    limit = 1
    rejected = (0, 0, 0, 0)

    def __init__(self) -> None:
        self.left: list[tuple[float | None, bool]] = []

    def try_enter(self, priority: int, now: float) -> bool:
        """Everybody may."""
        return True

    def leave(self, now: float, elapsed: float | None, dropped: bool) -> None:
        """Somebody has left."""
        self.left.append((elapsed, dropped))


@pytest.mark.parametrize(
    ("status", "error", "took", "left"),
    [
        (200, None, 0.25, (0.25, False)),
        (404, None, 0.25, (0.25, False)),
        (429, None, 0.25, (None, False)),
        (500, None, 0.25, (None, False)),
        (None, None, 0.25, (None, False)),
        (200, OSError(), 0.25, (None, False)),
        (503, None, 0.25, (None, True)),
        (504, None, 0.25, (None, True)),
        (200, None, 2.0, (2.0, True)),
        (None, KeyboardInterrupt(), 2.0, (None, True)),
    ],
)
def test_what_the_limit_learns(
    make: Make,
    clock: FakeClock,
    status: int | None,
    error: BaseException | None,
    took: float,
    left: Any,
) -> None:
    """A good answer is measured, one that came too late is a drop, and a failure is nothing."""
    inbound = make(concurrency=1)
    gate = inbound.parts.gate = Gate()
    arrival = inbound.arrive(head(x_envoy_expected_rq_timeout_ms="1000"))
    clock.advance(took)
    arrival.finish(status, error)
    assert [left] == gate.left


def test_without_listeners_no_event_is_built(make: Make, events: list[Event]) -> None:
    """Nobody pays for what nobody reads."""
    inbound = make()
    inbound.listening = False
    inbound.arrive(head()).finish(200)
    assert [] == events


def logged(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The only line, which its record has as a mapping, too."""
    (record,) = caplog.records
    said: dict[str, Any] = record.__dict__["access"]
    assert ("meshlib.access", said) == (record.name, json.loads(record.getMessage()))
    return said


def test_access_log(make: Make, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """One line of JSON, and neither secrets nor control characters in it."""
    caplog.set_level(logging.INFO, "meshlib.access")
    pairs = [
        (b"x-request-id", b"id7"),
        (b"x-meshlib-chain", b"id1;1;shop"),
        (b"authorization", b"Bearer abcdefgh"),
    ]
    arrival = make(access_log=True).arrive(
        Head("GET", "/a\n%s", pairs, peer="10.0.0.9", query="token=abc&page=2")
    )
    clock.advance(0.25)
    arrival.finish(200, ValueError("secret"))
    assert {
        "method": "GET",
        "path": "/a\n%s",
        "query": "token=REDACTED&page=2",
        "status": 200,
        "error": "ValueError",
        "elapsed": 0.25,
        "request_id": "id7",
        "attempt": 1,
        "priority": "critical",
        "client_ip": "10.0.0.9",
        "origin": "id1",
    } == logged(caplog)
    assert "\n" not in caplog.records[0].getMessage()


def test_access_log_of_a_refusal(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """It says why, and which trace it was."""
    caplog.set_level(logging.INFO, "meshlib.access")
    inbound = make(ServerTracing(), access_log=True)
    inbound.arrive(head(grpc_timeout="0n", traceparent=TRACE)).finish(504)
    said = logged(caplog)
    assert ("deadline", TRACE.split("-")[1]) == (said["refused"], said["trace_id"])


def test_access_log_that_nobody_reads(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Above the level INFO nothing is written."""
    caplog.set_level(logging.WARNING, "meshlib.access")
    make(access_log=True).arrive(head()).finish(200)
    assert [] == caplog.records
