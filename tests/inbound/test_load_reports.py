"""What is told of the load, to whom, and how it is measured."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib.inbound import Arrival, Head
from meshlib.inbound._load_meter import LoadMeter, level_of
from support import FakeClock

STRANGER = "203.0.113.5"


def _asking(what: bytes = b"1", peer: str = "10.0.0.9") -> Head:
    return Head("GET", "/", [(b"x-mesh-load", what)], peer=peer)


def _said(arrival: Arrival) -> bytes:
    name, value = arrival.report()
    assert name == b"x-mesh-load"
    return value


def test_who_asks_is_told(make: Any, clock: FakeClock) -> None:
    """Requests in flight beside its own, and the latency of those that met as many."""
    inbound = make()
    first, second = inbound.arrive(_asking()), inbound.arrive(_asking())
    assert first.reports
    assert b"rif=1" == _said(first)
    clock.advance(0.25)
    second.finish(200)
    assert b"rif=0,latency=0.250000" == _said(first)
    clock.advance(0.25)
    first.finish(200)
    assert b"rif=0,latency=0.500000" == _said(inbound.arrive(_asking()))


def test_nothing_is_measured_before_somebody_asks(make: Any) -> None:
    """A process that nobody balances by its reports pays nothing for them."""
    inbound = make()
    assert inbound.arrive(Head("GET", "/", peer="10.0.0.9")).meter is None
    inbound.arrive(_asking())
    later = inbound.arrive(Head("GET", "/", peer="10.0.0.9"))
    assert later.meter is not None
    assert not later.reports


@pytest.mark.parametrize(
    ("who", "peer", "told"),
    [
        ("trusted", "10.0.0.9", True),
        ("trusted", STRANGER, False),
        ("anybody", STRANGER, True),
        ("never", "10.0.0.9", False),
    ],
)
def test_strangers_are_told_when_that_is_wished(make: Any, who: str, peer: str, told: bool) -> None:
    """How loaded a process is concerns nobody outside."""
    inbound = make(load_reports=who)
    assert told == inbound.arrive(_asking(peer=peer)).reports
    assert told == (inbound.arrive(_asking(b"probe", peer)).refusal is not None)


def test_a_probe_is_answered_at_once(make: Any, events: list[Any]) -> None:
    """The application does not run for it, and it counts as no request."""
    inbound = make(concurrency={"fixed": 1}, access_log=True)
    served = inbound.arrive(_asking())
    arrival = inbound.arrive(_asking(b"probe"))
    assert arrival.refusal is not None
    assert 204 == arrival.refusal.status
    assert (b"x-mesh-load", b"rif=1") in arrival.refusal.headers
    arrival.finish(204)
    served.finish(200)
    counts = inbound.counts()
    assert (1, {}, 0) == (counts.served, counts.refused, counts.in_flight)
    assert 1 == len(events)


@pytest.mark.parametrize("status", [500, 503, None])
def test_failures_are_no_latencies(make: Any, clock: FakeClock, status: int | None) -> None:
    """What fails fast must not look fast; but it is over."""
    inbound = make()
    arrival = inbound.arrive(_asking())
    clock.advance(0.5)
    arrival.finish(status)
    assert b"rif=0" == _said(inbound.arrive(_asking()))


def test_the_refused_are_no_latencies(make: Any, clock: FakeClock) -> None:
    """A refusal takes no time, and says nothing of what a request would take."""
    inbound = make()
    inbound.arrive(_asking()).finish(200)
    late = [(b"x-mesh-load", b"1"), (b"x-envoy-expected-rq-timeout-ms", b"0")]
    refused = inbound.arrive(Head("GET", "/", late, peer="10.0.0.9"))
    assert refused.refusal is not None
    clock.advance(3.0)
    refused.finish(refused.refusal.status)
    assert b"rif=0" == _said(inbound.arrive(_asking()))[:5]
    assert b"3.0" not in _said(inbound.arrive(_asking()))


def test_a_forked_child_starts_with_none(make: Any) -> None:
    """Those in flight are its parent's."""
    inbound = make()
    inbound.renew()
    inbound.arrive(_asking())
    inbound.renew()
    assert b"rif=0" == _said(inbound.arrive(_asking()))


def test_levels_grow_with_the_load() -> None:
    """Each number alone at first, then four levels for each doubling, in order."""
    levels = [level_of(rif) for rif in range(200)]
    assert list(range(16)) == levels[:16]
    assert sorted(levels) == levels
    assert 4 == len({level_of(rif) for rif in range(64, 128)})
    assert levels[15] < levels[16]


def test_the_latency_is_that_of_the_load() -> None:
    """The median of the recent ones at this load, or at the nearest that was met."""
    meter = LoadMeter()
    assert (0, 0.0) == meter.report()
    for met, elapsed in [(0, 0.1), (0, 0.2), (0, 0.9), (5, 3.0)]:
        meter.begin()
        meter.end(met, elapsed)
    assert (0, 0.2) == meter.report()
    for _ in range(4):
        meter.begin()
    assert (4, 3.0) == meter.report()
    for _ in range(16):
        meter.begin()
        meter.end(4, 0.5)
    assert (4, 0.5) == meter.report()
