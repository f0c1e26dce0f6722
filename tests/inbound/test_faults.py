"""Faults that are injected into requests which this process serves."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from meshlib import ConfigurationError
from meshlib.events import Event, FaultInjected
from meshlib.inbound import Head, InboundOptions
from meshlib.telemetry import ServerTracing
from support import FakeClock

Make = Any


def rules(*said: dict[str, Any]) -> list[dict[str, Any]]:
    """Rules with a name each."""
    return [{"name": f"rule{number}", **one} for number, one in enumerate(said)]


def test_abort(make: Make, events: list[Event]) -> None:
    """The driver is told what to answer; it counts as served, and the limit learns nothing."""
    abort = {"status": 503, "retry_after": 2, "body": "gone", "headers": {"X-Why": "test"}}
    inbound = make(faults=rules({"abort": abort}), concurrency=10)
    arrival = inbound.arrive(Head("GET", "/"))
    answer = arrival.fault.answer
    assert (0.0, "rule0", True) == (
        arrival.fault.delay, arrival.fault.rule, arrival.fault.stands(),
    )  # fmt: skip
    assert ("fault", 503, b"gone") == (answer.reason, answer.status, answer.body)
    assert {
        b"content-type": b"text/plain; charset=utf-8",
        b"retry-after": b"2",
        b"x-why": b"test",
        b"content-length": b"4",
    } == dict(answer.headers)
    arrival.finish(503)
    assert (1, 1) == (inbound.counts().served, inbound.counts().faults)
    assert ["FaultInjected", "RequestServed"] == [type(event).__name__ for event in events]
    told = events[0]
    assert isinstance(told, FaultInjected)
    assert ("inbound", 503, "orders") == (told.phase, told.status, told.service)
    assert "rule0" == events[1].fault  # type: ignore[attr-defined]  # it is a RequestServed
    (injection,) = inbound.faults.log.entries()
    assert ("503", 0.0) == (injection.result, injection.added_latency)
    assert {"rule0": 0} == inbound.faults.active


def test_answers_without_a_body(make: Make) -> None:
    """204 has neither a body nor a length, and what HTTP cannot say is replaced."""
    abort = {"status": 204, "body": "gone", "headers": {"x": "\u20ac"}}
    answer = make(faults=rules({"abort": abort})).arrive(Head("GET", "/")).fault.answer
    assert b"" == answer.body
    assert {b"content-type", b"x"} == {name for name, _ in answer.headers}
    assert (b"x", b"?") in answer.headers


def test_delay(make: Make, clock: FakeClock, events: list[Event]) -> None:
    """The driver is told how long to wait, and the limit does not learn from it."""
    inbound = make(faults=rules({"delay": {"fixed": 0.3}}))
    inbound.listening = False
    arrival = inbound.arrive(Head("GET", "/"))
    assert (0.3, None) == (arrival.fault.delay, arrival.fault.answer)
    clock.advance(1.0)
    arrival.finish(200)
    (injection,) = inbound.faults.log.entries()
    assert ("200", 0.3) == (injection.result, injection.added_latency)
    assert [] == events


def test_wait_ends_when_faults_are_stopped(make: Make) -> None:
    """Whoever waits because of a fault goes on, and what was to follow does not."""
    inbound = make(faults=rules({"delay": {"fixed": 9}, "abort": {"status": 500}}))
    fault = inbound.arrive(Head("GET", "/")).fault
    waiter, other = threading.Event(), threading.Event()
    assert fault.hold(waiter)
    assert fault.hold(other)
    fault.let_go(other)
    inbound.faults.enabled = False
    assert (True, False, False) == (waiter.is_set(), other.is_set(), fault.stands())
    assert not fault.hold(waiter)


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"method": "GET", "path": {"prefix": "/a"}}, True),
        ({"method": "POST"}, False),
        ({"headers": {"x-test": "1"}}, True),
        ({"query": {"page": "2"}}, True),
        ({"tenant": "acme"}, True),
        ({"tenant": "other"}, False),
    ],
)
def test_match(make: Make, match: dict[str, Any], hit: bool) -> None:
    """By what a request says; a tenant is one that was granted."""
    inbound = make(faults=rules({"match": match, "abort": {"status": 500}}))
    pairs = [(b"x-test", b"1"), (b"x-meshlib-tenant", b"acme"), (b"x", b"\xff")]
    arrival = inbound.arrive(Head("GET", "/a", pairs, peer="10.0.0.1", query="page=2"))
    assert hit is (arrival.fault is not None)


def test_fault_is_on_the_span(make: Make) -> None:
    """Whoever looks at the trace sees that the request was broken on purpose."""
    provider = TracerProvider()
    inbound = make(ServerTracing(provider=provider), faults=rules({"abort": {"status": 500}}))
    arrival = inbound.arrive(Head("GET", "/"))
    assert arrival.trace is not None
    assert "rule0" == arrival.trace.span.attributes["meshlib.fault"]
    arrival.finish(500)
    provider.shutdown()


def test_refused_requests_meet_no_fault(make: Make) -> None:
    """A fault is for who is served."""
    inbound = make(faults=rules({"abort": {"status": 500}}))
    arrival = inbound.arrive(Head("GET", "/", [(b"grpc-timeout", b"0n")]))
    assert (504, None) == (arrival.refusal.status, arrival.fault)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"match": {"service": "a"}, "abort": {"status": 500}}, "match.service"),
        ({"match": {"source": "a"}, "abort": {"status": 500}}, "match.source"),
        ({"match": {"endpoint": "http://a:1"}, "abort": {"status": 500}}, "match.endpoint"),
        ({"match": {"route": "a"}, "abort": {"status": 500}}, "match.route"),
        ({"response": {"truncate": 3}}, "response"),
        ({"when": "after", "abort": {"status": 500}}, "when"),
        ({"abort": {"error": "reset"}}, "abort"),
        ({"abort": {"blackhole": True}}, "abort"),
    ],
)
def test_what_cannot_be_done_here(said: dict[str, Any], place: str) -> None:
    """What only the side that calls can imitate is an error of the document, at its place."""
    with pytest.raises(ConfigurationError) as error:
        InboundOptions.model_validate({"faults": rules({"delay": {"fixed": 1}}, said)})
    assert f"faults[1].{place}" == error.value.path
    assert 1 == str(error.value).count(f"{place}:")


def test_names_are_distinct() -> None:
    """A name means one rule."""
    rule = {"name": "a", "delay": {"fixed": 1}}
    with pytest.raises(ConfigurationError, match=r"faults\[1\].name: there are two rules 'a'"):
        InboundOptions.model_validate({"faults": [rule, rule]})


def test_header_faults(make: Make) -> None:
    """A rule that goes by headers of the request acts only where requests are heeded."""
    inbound = make(faults=rules({"abort": {"header": True}}))
    head = Head("GET", "/", [(b"x-envoy-fault-abort-request", b"502")])
    assert inbound.arrive(head).fault is None
    inbound.faults.heeds_requests = True
    assert 502 == inbound.arrive(head).fault.answer.status
