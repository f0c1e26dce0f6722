"""Which endpoint takes an attempt, and what is said when none can."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import CircuitOpenError, Endpoint, NoEndpointError
from meshlib._models import Verdict
from meshlib.events import PanicChanged
from meshlib.transport import Service
from support import FakeClock
from support.meshes import at_rest, begun, call_of, service_of

ONE = {"consecutive_failures": 1}


def trip(service: Service, url: str, status: int = 500) -> None:
    """Open the breaker of one endpoint."""
    for target in service.targets:
        if target.endpoint.url == url:
            target.breaker.record(
                target.breaker.epoch, Verdict.FAILURE, service.clock(), 0.0, status
            )


def picks(service: Service, count: int = 60) -> set[str]:
    """The endpoints that so many calls go to."""
    seen = set()
    for _ in range(count):
        call, attempt = begun(service)
        seen.add(attempt.target.endpoint.url)
        call.finish_attempt(attempt, httpx.Response(200))
        call.close()
    return seen


def test_open_endpoint_is_skipped(clock: FakeClock) -> None:
    """The others take its share, and nothing fails."""
    service = service_of(clock, balancer="random", breaker=ONE)
    trip(service, "http://a:80")
    assert {"http://b:80", "http://c:80"} == picks(service)


def test_unknown_service_has_no_endpoint(clock: FakeClock) -> None:
    """The error says where was looked, and whether an answer is still awaited."""
    for ready, text in ((False, "has not answered yet"), (True, "looked in the configuration")):
        service = service_of(clock, ready=False)
        if ready:
            service.update(())
        call = call_of(service)
        call.admit()
        with pytest.raises(NoEndpointError, match=text) as caught:
            call.start_attempt()
        assert "users" == caught.value.service
        call.close()
        assert at_rest(service)


def test_every_breaker_open_fails_fast(clock: FakeClock) -> None:
    """The error tells when the first probe is due, and what the last failure was."""
    service = service_of(clock, breaker=ONE)
    for n, url in enumerate(("http://a:80", "http://b:80", "http://c:80")):
        trip(service, url, 500 + n)
        clock.advance(1.0)
    call = call_of(service)
    call.admit()
    with pytest.raises(CircuitOpenError) as caught:
        call.start_attempt()
    error = caught.value
    assert ("users", 2.0, 500) == (error.service, error.retry_after, error.cause)
    call.close()
    assert at_rest(service)


def test_one_probe_finds_the_endpoint_healed(clock: FakeClock) -> None:
    """The first call after the break probes, others go elsewhere until it has ended."""
    service = service_of(clock, "http://a", "http://b", balancer="random", breaker=ONE)
    trip(service, "http://a")
    clock.advance(5.0)
    probing, probe = begun(service)
    assert probe.probe
    assert "http://a" == probe.target.endpoint.url
    assert {"http://b"} == picks(service)
    probing.finish_attempt(probe, httpx.Response(200))
    probing.close()
    assert {"http://a", "http://b"} == picks(service)


def test_probes_are_limited(clock: FakeClock) -> None:
    """`probes` of them may pass at once, also before the snapshot is rebuilt."""
    service = service_of(clock, "http://a", breaker={**ONE, "probes": 2})
    trip(service, "http://a")
    clock.advance(5.0)
    calls = [begun(service), begun(service)]
    assert all(attempt.probe for _, attempt in calls)
    call = call_of(service)
    call.admit()
    with pytest.raises(CircuitOpenError):
        call.start_attempt()
    for one in (*[call for call, _ in calls], call):
        one.close()
    assert at_rest(service)


def test_probe_is_not_tried_twice_in_a_call(clock: FakeClock) -> None:
    """A probe that failed is followed by another endpoint, if there is one."""
    breaker = {**ONE, "probes": 2, "break_duration": 5}
    service = service_of(clock, "http://a", "http://b", breaker=breaker)
    trip(service, "http://a")
    clock.advance(5.0)
    call, probe = begun(service)
    call.fail_attempt(probe, httpx.PoolTimeout("neutral"))  # still half-open
    second = call.start_attempt()
    assert ("http://b", False) == (second.target.endpoint.url, second.probe)
    call.close()
    assert at_rest(service)


def test_breaker_that_opened_since_the_snapshot(clock: FakeClock) -> None:
    """A stale snapshot leads to a new one, and then to who is left."""
    service = service_of(clock, "http://a", "http://b", breaker=ONE)
    picks(service)
    stale = service.pickable
    trip(service, "http://a")
    service.pickable = stale
    seen = set()
    for _ in range(20):
        service.pickable = stale
        call, attempt = begun(service)
        seen.add(attempt.target.endpoint.url)
        call.close()
    assert {"http://b"} == seen
    trip(service, "http://b")
    service.pickable = stale
    call = call_of(service)
    call.admit()
    with pytest.raises(CircuitOpenError):
        call.start_attempt()
    call.close()


def test_clock_that_was_set_back_does_not_hold_calls_off(clock: FakeClock) -> None:
    """Breakers whose break lies in the future of a clock that jumped admit a probe."""
    service = service_of(clock, "http://a", breaker=ONE)
    assert {"http://a"} == picks(service)
    trip(service, "http://a")
    clock.advance(-3600.0)
    call, attempt = begun(service)
    assert attempt.probe
    call.close()
    assert at_rest(service)


class Stubborn:
    """A balancer that gives everything to the first."""

    def pick(self, candidates: Any, info: Any) -> Any:
        """The first."""
        return candidates[0]


def test_balancer_that_insists_does_not_repeat_a_failure(clock: FakeClock) -> None:
    """Asked again in vain, it is passed over for the least loaded of the rest."""
    service = service_of(clock, balancer=Stubborn())
    busy, attempt = begun(service)
    first = attempt.target
    service.targets[1].begin(1)
    call, attempt = begun(service)
    assert first is attempt.target
    call.finish_attempt(attempt, httpx.Response(503))
    assert service.targets[2] is call.start_attempt().target
    service.targets[1].release()
    call.close()
    busy.close()


def test_all_tried_means_again(clock: FakeClock) -> None:
    """With fewer endpoints than attempts one is asked twice."""
    service = service_of(clock, "http://a")
    call, attempt = begun(service)
    call.finish_attempt(attempt, httpx.Response(503))
    assert attempt.target is call.start_attempt().target
    call.close()


def test_unhealthy_endpoints_are_only_less_preferred(clock: FakeClock) -> None:
    """Health prefers; when too few are left, all are used, and listeners hear of it."""
    events: list[Any] = []
    service = service_of(clock, events=events, balancer="random")
    service.set_healthy({"http://a:80": False})
    assert {"http://b:80", "http://c:80"} == picks(service)
    service.set_healthy({"http://b:80": False})
    assert {"http://a:80", "http://b:80", "http://c:80"} == picks(service)
    service.set_healthy({"http://b:80": True})
    assert [True, False] == [e.active for e in events if isinstance(e, PanicChanged)]


def test_open_breaker_is_absolute_in_panic(clock: FakeClock) -> None:
    """Panic ignores health, never a breaker."""
    service = service_of(clock, balancer="random", breaker=ONE)
    service.set_healthy({"http://a:80": False})
    trip(service, "http://b:80")
    trip(service, "http://c:80")
    assert {"http://a:80"} == picks(service)


def test_lower_priority_takes_over(clock: FakeClock) -> None:
    """The second level is used when the first is unfit, and says why it is not before."""
    service = service_of(
        clock, Endpoint("http://local"), Endpoint("http://cloud", priority=1), breaker=ONE
    )
    assert {"http://local"} == picks(service)
    assert ["lower priority"] == [reason for _, reason in service.pickable.skipped]
    trip(service, "http://local")
    assert {"http://cloud"} == picks(service)


def test_every_pick_of_a_race_is_lost(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every breaker opens while a pick looks again, the call fails as if it had known."""
    service = service_of(clock, breaker=ONE)
    picks(service)
    stale = service.pickable
    monkeypatch.setattr(service, "rebuild", lambda now=None, target=None: None)
    for url in ("http://a:80", "http://b:80", "http://c:80"):
        trip(service, url)
    service.pickable = stale
    call = call_of(service)
    call.admit()
    with pytest.raises(CircuitOpenError):
        call.start_attempt()
    call.close()


def test_random_balancer_is_asked_again(clock: FakeClock) -> None:
    """A balancer that knows nothing of earlier attempts is asked until it names another."""
    service = service_of(clock, balancer="random", breaker=False)
    for _ in range(60):
        call, attempt = begun(service)
        call.finish_attempt(attempt, httpx.Response(503))
        assert attempt.target is not call.start_attempt().target
        call.close()


def test_whole_table_passes_over_what_is_open(clock: FakeClock) -> None:
    """A hashing balancer keeps its table when an endpoint fails, and goes around it."""
    service = service_of(
        clock,
        balancer={"ring_hash": {"key": {"path": True}}},
        breaker={**ONE, "failure_ratio": None},
    )
    trip(service, "http://a:80")
    for n in range(60):
        call, attempt = begun(service, path=f"/{n}")
        assert "http://a:80" != attempt.target.endpoint.url
        call.finish_attempt(attempt, httpx.Response(429))
        other = call.start_attempt().target
        assert attempt.target is not other
        assert "http://a:80" != other.endpoint.url
        call.close()
