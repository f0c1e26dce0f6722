"""Whatever headers hold: nothing is raised, and nothing is granted."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from meshlib.faults import FaultInjector
from meshlib.inbound import Head, Inbound, InboundOptions, Priority, ServedRequest
from meshlib.inbound import _headers as known
from meshlib.telemetry import Propagation, ServerTracing
from support import FakeClock

STRANGER = "203.0.113.5"

NAMES = [
    known.TIMEOUT, known.GRPC_TIMEOUT, known.ATTEMPT, known.REQUEST_ID, known.PRIORITY,
    known.TENANT, known.CHAIN, known.FORWARDED_FOR, known.FORWARDED, known.AUTHORIZATION,
    b"traceparent", b"tracestate", b"baggage", b"b3", b"x-b3-traceid", b"x-b3-sampled",
    b"x-envoy-fault-abort-request", b"x-real-ip", b"x-forwarded-client-cert", b"host",
]  # fmt: skip
"""Every header that somebody reads, and some that nobody may believe."""

WORDS = st.sampled_from(
    [
        b"0", b"1", b"-1", b"300", b"1S", b"0n", b"99999999H", b"9" * 40, b"critical-plus",
        b"sheddable", b"acme", b"10.0.0.1", b"127.0.0.1", b"::1", b"[::1]:1", b"for=10.0.0.1",
        b'for="[::1]', b"id;1;a,b", b"id;0;", b"unknown", b"Bearer x", b"%00", b"\xff\xfe",
        b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", b"a=b", b"\r\n", b"\x00",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=60),
    WORDS,
    st.lists(WORDS, max_size=6).map(b",".join),
    st.lists(WORDS, max_size=6).map(b";".join),
    st.sampled_from([b"1" * 9000, b"," * 9000, b"10.0.0.1," * 900, b'"' * 9000]),
)
HEADERS = st.lists(
    st.tuples(st.one_of(st.sampled_from(NAMES), st.binary(max_size=12)), VALUES), max_size=12
)
ADDRESSES = st.one_of(
    st.none(), st.text(max_size=20), st.ip_addresses().map(str), st.just(STRANGER)
)

OPTIONS = {
    "deadline": {"max": 60},
    "concurrency": {"fixed": 1_000_000},
    "trust": {"client_ip": "forwarded"},
    "authorization": {
        "default": "deny",
        "rules": [{"name": "one", "callers": "spiffe://example.org/shop"}],
    },
    "faults": [
        {"name": "asked", "abort": {"header": True}},
        {"name": "drawn", "match": {"headers": {"host": "x"}}, "delay": {"fixed": 1}},
    ],
}
CLOCK = FakeClock()


def inbound_of(options: dict[str, Any]) -> Inbound:
    """An `Inbound` with everything on."""
    return Inbound(
        "orders",
        InboundOptions.model_validate(options),
        clock=CLOCK,
        rng=random.Random(1),
        faults=FaultInjector(),
        tracing=ServerTracing(Propagation(["tracecontext", "baggage"])),
    )


STRICT = inbound_of(OPTIONS)
OPEN = inbound_of({"faults": OPTIONS["faults"]})


@given(headers=HEADERS, peer=ADDRESSES, path=st.text(max_size=40), query=st.text(max_size=40))
@example(headers=[(name, b"\xff") for name in NAMES], peer="127.0.0.1", path="", query="%")
def test_nothing_is_raised(
    headers: list[tuple[bytes, bytes]], peer: str | None, path: str, query: str
) -> None:
    """Neither by the decision, nor inside the context, nor at the end; and the gate is empty."""
    for inbound in (STRICT, OPEN):
        arrival = inbound.arrive(Head("GET", path, headers, peer=peer, query=query))
        with arrival.context():
            pass
        arrival.finish(200)
        assert 0 == inbound.counts().in_flight
    # And what is carried on is something that HTTP can say.
    for name, value in arrival.served.headers:
        assert not {0, 10, 13}.intersection(name + value)


@given(headers=HEADERS)
@example(headers=[(known.FORWARDED_FOR, b"10.0.0.1"), (known.TENANT, b"acme")])
@example(headers=[(known.PRIORITY, b"critical-plus"), (known.CHAIN, b"id;1;a")])
def test_a_stranger_is_granted_nothing(headers: list[tuple[bytes, bytes]]) -> None:
    """Beside a request without headers, one with any of them has no more of anything."""
    plain = OPEN.arrive(Head("GET", "/", peer=STRANGER))
    fuzzed = OPEN.arrive(Head("GET", "/", headers, peer=STRANGER))
    grants_nothing(fuzzed.served)
    assert STRANGER == fuzzed.served.client_ip
    assert plain.deadline is None  # so that any deadline is a stricter one
    assert fuzzed.fault is None
    limited = inbound_limited.arrive(Head("GET", "/", headers, peer=STRANGER))
    assert limited.deadline is not None
    assert limited.deadline <= CLOCK() + 1.0


inbound_limited = inbound_of({"deadline": {"max": 1}})


def grants_nothing(served: ServedRequest) -> None:
    """Nothing in it is more than anybody has."""
    assert served.priority <= Priority.CRITICAL
    assert (None, None) == (served.tenant, served.caller)
    assert (served.request_id, 0, ()) == (served.origin, served.depth, served.stack)
    assert served.attempt >= 1
    names = {name for name, _ in served.headers}
    assert known.TENANT not in names
    carried = dict(served.headers)
    assert carried[known.CHAIN] == f"{served.request_id};1;orders".encode()
    assert carried.get(known.PRIORITY) in (None, b"sheddable", b"sheddable-plus")


@given(headers=HEADERS, client=st.ip_addresses(network="198.51.100.0/24").map(str))
def test_a_stranger_behind_a_proxy_is_granted_nothing(
    headers: list[tuple[bytes, bytes]], client: str
) -> None:
    """A trusted proxy says for whom it speaks, last; what its client wrote before is hearsay."""
    said = [*headers, (known.FORWARDED_FOR, client.encode())]
    served = OPEN.arrive(Head("GET", "/", said, peer="10.0.0.1")).served
    grants_nothing(served)
    assert client == served.client_ip


@given(headers=HEADERS, peer=ADDRESSES)
def test_nobody_is_let_in_by_headers(headers: list[tuple[bytes, bytes]], peer: str | None) -> None:
    """Who is not verified is refused, also from this machine."""
    for address in (peer, "127.0.0.1"):
        arrival = STRICT.arrive(Head("GET", "/", headers, peer=address))
        assert arrival.refusal is not None
        assert arrival.refusal.status in (403, 504)
        assert arrival.served.caller is None
        assert not arrival.permit
        arrival.finish(arrival.refusal.status)
