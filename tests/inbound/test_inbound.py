"""What is decided about a request when it arrives."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from meshlib.events import Event, RequestRefused
from meshlib.inbound import Head, Inbound, InboundOptions, Priority
from support import FakeClock

STRANGER = "203.0.113.5"
Arrive = Any
MakeInbound = Any


def test_nothing_said(arrive: Arrive) -> None:
    """A request that says nothing is critical, a first attempt, and begins a chain."""
    arrival = arrive()
    served = arrival.served
    assert (None, None, None) == (arrival.refusal, arrival.deadline, arrival.left)
    assert (1, Priority.CRITICAL, None) == (served.attempt, served.priority, served.tenant)
    assert (served.request_id, 0, ()) == (served.origin, served.depth, served.stack)
    assert ("10.0.0.9", None, True) == (served.client_ip, served.caller, served.may_retry)
    chain = f"{served.request_id};1;orders".encode()
    assert ((b"x-request-id", served.request_id.encode()), (b"x-meshlib-chain", chain)) == (
        served.headers
    )


def test_ids_are_never_the_same(arrive: Arrive, make: MakeInbound) -> None:
    """Neither of two requests, nor of two processes, as one is after a fork."""
    inbound = make()
    made = [inbound.arrive(Head("GET", "/")).served.request_id for _ in range(3)]
    inbound.renew()
    made.append(inbound.arrive(Head("GET", "/")).served.request_id)
    assert 4 == len(set(made))
    assert made[0][:16] != made[3][:16]


def test_everything_said_by_who_is_trusted(arrive: Arrive, clock: FakeClock) -> None:
    """It counts, and calls made meanwhile carry it on."""
    arrival = arrive(
        x_envoy_expected_rq_timeout_ms="300",
        x_envoy_attempt_count="2",
        x_request_id="id7",
        x_meshlib_priority="critical-plus",
        x_meshlib_tenant="acme",
        x_meshlib_chain="id1;2;shop,cart",
    )
    served = arrival.served
    assert clock() + 0.3 == arrival.deadline
    assert pytest.approx(0.3) == arrival.left
    assert (2, Priority.CRITICAL_PLUS, "acme") == (served.attempt, served.priority, served.tenant)
    assert ("id1", 2, ("shop", "cart")) == (served.origin, served.depth, served.stack)
    assert not served.may_retry
    assert (
        (b"x-request-id", b"id7"),
        (b"x-meshlib-chain", b"id1;3;shop,cart,orders"),
        (b"x-meshlib-priority", b"critical-plus"),
        (b"x-meshlib-tenant", b"acme"),
    ) == served.headers


def test_a_stranger_is_granted_nothing(arrive: Arrive) -> None:
    """A tenant, a raised priority, a chain and another address count for nothing."""
    served = arrive(
        STRANGER,
        x_meshlib_priority="critical-plus",
        x_meshlib_tenant="acme",
        x_meshlib_chain="id1;2;shop,cart",
        x_forwarded_for="10.0.0.1",
        x_request_id="id7",
    ).served
    assert (Priority.CRITICAL, None, STRANGER) == (
        served.priority, served.tenant, served.client_ip,
    )  # fmt: skip
    assert ("id7", 0, ()) == (served.origin, served.depth, served.stack)
    assert {b"x-request-id", b"x-meshlib-chain"} == {name for name, _ in served.headers}


def test_a_stranger_can_make_it_stricter(arrive: Arrive, clock: FakeClock) -> None:
    """A deadline, a lower priority and an attempt count from anybody."""
    arrival = arrive(
        STRANGER,
        x_meshlib_priority="sheddable",
        grpc_timeout="1S",
        x_envoy_attempt_count="3",
    )
    assert clock() + 1.0 == arrival.deadline
    assert Priority.SHEDDABLE is arrival.served.priority
    assert not arrival.served.may_retry
    assert (b"x-meshlib-priority", b"sheddable") in arrival.served.headers


def test_retry_allowance_can_be_switched_off(make: MakeInbound) -> None:
    """Then calls made for a retry are retried like others."""
    inbound = make(retry_allowance=False)
    head = Head("GET", "/", [(b"x-envoy-attempt-count", b"2")])
    served = inbound.arrive(head).served
    assert (2, True) == (served.attempt, served.may_retry)


@pytest.mark.parametrize(
    ("options", "said", "seconds"),
    [
        ({"default": 2}, None, 2.0),
        ({"default": 2}, b"5000", 5.0),
        ({"max": 3}, None, 3.0),
        ({"max": 3}, b"5000", 3.0),
        ({"max": 3}, b"1000", 1.0),
        ({"max": "3s", "default": "2s"}, None, 2.0),
    ],
)
def test_deadline_options(
    make: MakeInbound, clock: FakeClock, options: Any, said: bytes | None, seconds: float
) -> None:
    """The default is for who says nothing, and nobody exceeds the maximum."""
    headers = [] if said is None else [(b"x-envoy-expected-rq-timeout-ms", said)]
    arrival = make(deadline=options).arrive(Head("GET", "/", headers))
    assert clock() + seconds == arrival.deadline


def test_expired_deadline_is_answered_at_once(make: MakeInbound, events: list[Event]) -> None:
    """With 504 and a problem, and without a permit."""
    inbound = make(concurrency=1)
    arrival = inbound.arrive(Head("GET", "/", [(b"x-envoy-expected-rq-timeout-ms", b"0")]))
    refusal = arrival.refusal
    assert ("deadline", 504) == (refusal.reason, refusal.status)
    assert (b"content-length", b"%d" % len(refusal.body)) in refusal.headers
    assert b'"status": 504' in refusal.body
    assert not arrival.permit
    arrival.finish(504)
    assert {"deadline": 1} == inbound.counts().refused
    (event,) = events
    assert isinstance(event, RequestRefused)
    assert ("orders", 504, "deadline") == (event.service, event.status, event.reason)


def test_too_many_are_shed(make: MakeInbound, events: list[Event]) -> None:
    """503 with Retry-After; the permit of who is in comes back when it has finished."""
    inbound = make(concurrency=1)
    first = inbound.arrive(Head("GET", "/"))
    second = inbound.arrive(Head("GET", "/"))
    assert ("shed", 503) == (second.refusal.reason, second.refusal.status)
    assert 1 <= int(dict(second.refusal.headers)[b"retry-after"]) <= 2
    second.finish(503)
    assert (1, (0, 0, 1, 0), 1) == (
        inbound.counts().limit, inbound.counts().shed, inbound.counts().in_flight,
    )  # fmt: skip
    first.finish(200)
    assert inbound.arrive(Head("GET", "/")).refusal is None
    assert ["RequestRefused", "RequestServed"] == [type(event).__name__ for event in events]


def test_new_options_keep_who_is_in(make: MakeInbound) -> None:
    """A limit that changes counts the requests that began before."""
    inbound = make(concurrency=1)
    first = inbound.arrive(Head("GET", "/"))
    inbound.take(inbound.prepare(InboundOptions.model_validate({"concurrency": {"fixed": 3}})))
    second = inbound.arrive(Head("GET", "/"))
    third = inbound.arrive(Head("GET", "/"))
    assert (None, "shed") == (second.refusal, third.refusal.reason)
    inbound.take(inbound.prepare(InboundOptions()))
    assert inbound.options == InboundOptions()
    assert inbound.arrive(Head("GET", "/")).refusal is None
    first.finish(200)
    second.finish(200)


def test_a_forked_child_has_no_request(make: MakeInbound) -> None:
    """Its gate is empty; what ends of its parent's requests changes nothing."""
    inbound = make(concurrency=1)
    first = inbound.arrive(Head("GET", "/"))
    inbound.renew()
    assert inbound.arrive(Head("GET", "/")).refusal is None
    assert 1 == inbound.counts().in_flight
    first.finish(200)
    assert (1, 1) == (inbound.counts().in_flight, inbound.counts().served)
    make().renew()


def test_many_threads(make: MakeInbound) -> None:
    """All of them at once: every request has a name of its own, and every permit comes back."""
    inbound = make(concurrency=3)
    names: list[str] = []

    def serve() -> None:
        for _ in range(200):
            arrival = inbound.arrive(Head("GET", "/"))
            with arrival.context() as served:
                names.append(served.request_id)
            arrival.finish(200 if arrival.refusal is None else arrival.refusal.status)

    threads = [threading.Thread(target=serve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = inbound.counts()
    assert 1600 == len(set(names)) == counts.served + counts.refused.get("shed", 0)
    assert (0, 0) == (counts.in_flight, inbound.parts.gate.in_flight)


def test_defaults() -> None:
    """An `Inbound` needs nothing: no limit, no listener, the real clock."""
    inbound = Inbound()
    arrival = inbound.arrive(Head("GET", "/"))
    arrival.finish(200)
    assert (1, None) == (inbound.counts().served, inbound.counts().limit)
