"""The limit of a service follows the attempts of its calls."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import CallOptions, Mesh
from meshlib.bulkhead import Bulkhead, BulkheadOptions
from support import FakeClock
from support.meshes import Caller, begun, service_of

SETTINGS: dict[str, Any] = {
    "adaptive": {"aimd": {"initial": 100, "window": 0.01, "window_size": 1}}
}


class Told(Bulkhead):
    """Notes what it is told of attempts."""

    __slots__ = ("observed",)

    def __init__(self) -> None:
        super().__init__(BulkheadOptions.model_validate(SETTINGS))
        self.observed: list[tuple[float, bool]] = []

    def observe(self, now: float, elapsed: float, *, dropped: bool = False) -> None:
        """Note it."""
        self.observed.append((elapsed, dropped))
        super().observe(now, elapsed, dropped=dropped)


def observed(clock: FakeClock, what: Any, **rest: Any) -> list[tuple[float, bool]]:
    """What the bulkhead is told of an attempt that takes two seconds and ends so."""
    service = service_of(clock, bulkhead=SETTINGS, **rest)
    service.bulkhead = told = Told()
    call, attempt = begun(service, "POST")
    clock.advance(2.0)
    if isinstance(what, Exception):
        call.fail_attempt(attempt, what)
    else:
        call.finish_attempt(attempt, what)
    call.close()
    return told.observed


RETRY_AFTER = {"retry-after": "1"}


@pytest.mark.parametrize("status", [200, 204, 301, 404])
def test_good_attempt_is_measured(clock: FakeClock, status: int) -> None:
    """How long it took, whatever the service answered."""
    assert [(2.0, False)] == observed(clock, httpx.Response(status))


@pytest.mark.parametrize(
    "what",
    [
        httpx.Response(429),
        httpx.Response(503),
        httpx.Response(503, headers=RETRY_AFTER),
        httpx.Response(504),
        httpx.ReadTimeout("late"),
    ],
    ids=str,
)
def test_late_or_shed_attempt_is_dropped(clock: FakeClock, what: Any) -> None:
    """There was no time for it, or the service said so."""
    assert [(2.0, True)] == observed(clock, what)


@pytest.mark.parametrize(
    "what",
    [
        httpx.Response(500),
        httpx.Response(501),
        httpx.ReadError("reset"),
        httpx.ConnectError("refused"),
        httpx.PoolTimeout("full"),
    ],
    ids=str,
)
def test_other_failures_say_nothing_about_load(clock: FakeClock, what: Any) -> None:
    """A bug, a broken connection or a pool of our own is no sample."""
    assert [] == observed(clock, what)


def test_deadline_that_passed_is_dropped(clock: FakeClock) -> None:
    """The caller had no more time; that says nothing about the endpoint, and much about load."""
    service = service_of(clock, bulkhead=SETTINGS)
    service.bulkhead = told = Told()
    call, attempt = begun(service, options=CallOptions(timeout=2.0))
    clock.advance(2.0)
    call.fail_attempt(attempt, httpx.ReadTimeout("late"))
    call.close()
    assert attempt.outcome is not None
    assert "deadline" == attempt.outcome.name
    assert [(2.0, True)] == told.observed


def test_cancelled_attempt_is_no_sample(clock: FakeClock) -> None:
    """Whoever loses interest says nothing about the service."""
    service = service_of(clock, bulkhead=SETTINGS)
    service.bulkhead = told = Told()
    call, _ = begun(service)
    clock.advance(2.0)
    call.close()
    assert [] == told.observed
    assert 0 == service.bulkhead.in_flight


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.anyio
async def test_limit_follows_the_calls_of_a_mesh(
    kind: str, clock: FakeClock, anyio_backend_name: str
) -> None:
    """A service that is late loses permits, to the minimum; one that recovers gets them back."""
    item: list[Any] = [httpx.ReadTimeout("late")]

    def answer(_: httpx.Request) -> Any:
        clock.advance(0.1)
        return item[0]

    caller = Caller(
        kind,
        clock,
        answer,
        bulkhead={**SETTINGS, "max_concurrency": 500},
        retry=False,
        breaker=False,
        outlier=False,
    )
    bulkhead = caller.service.bulkhead
    assert 100 == bulkhead.max_concurrency
    for _ in range(40):
        with pytest.raises(httpx.ReadTimeout):
            await caller.call("POST")
    assert 20 == bulkhead.max_concurrency
    item[0] = 200
    for _ in range(9):
        assert bulkhead.try_acquire()  # half of the limit is in use beside the call itself
    for _ in range(3):
        await caller.call("POST")
    assert 21 == bulkhead.max_concurrency  # ten of twenty are half, ten of twenty-one are not


@pytest.mark.anyio
async def test_each_attempt_of_a_call_is_a_sample(
    clock: FakeClock, anyio_backend_name: str
) -> None:
    """The first was shed and the second answered: both are told, by a route's lane, too."""
    routes: list[Any] = [
        {"name": "all", "match": {"path": {"prefix": "/"}}, "retry": {"max_attempts": 2}}
    ]
    several: tuple[dict[str, Any], ...] = ({}, {"routes": routes})
    for settings in several:
        caller = Caller("sync", clock, 503, 200, bulkhead=SETTINGS, **settings)
        seen: list[bool] = []
        adaptive = caller.service.bulkhead.adaptive
        assert adaptive is not None
        noting = Noting(adaptive, seen)
        caller.service.bulkhead.adaptive = noting
        await caller.call()
        assert [True, False] == seen


class Noting:
    """Notes which samples were drops, and hands them on."""

    def __init__(self, inner: Any, seen: list[bool]) -> None:
        self.inner, self.seen = inner, seen

    idle = False

    @property
    def limit(self) -> int:
        """The limit of the one inside."""
        return int(self.inner.limit)

    def sample(self, now: float, rtt: float, in_flight: int, dropped: bool) -> None:
        """Note it."""
        assert in_flight == 1
        self.seen.append(dropped)
        self.inner.sample(now, rtt, in_flight, dropped)

    def renew(self) -> None:
        """Hand it on."""
        self.inner.renew()


def test_nothing_is_asked_without_an_adaptive_limit(clock: FakeClock) -> None:
    """Calls of a service with a fixed limit are still plain."""
    assert service_of(clock).plain
    assert not service_of(clock, bulkhead=SETTINGS).plain
    call, _ = begun(service_of(clock))
    assert not call.special


@pytest.mark.parametrize("first", [{}, SETTINGS])
def test_changed_while_running(first: dict[str, Any]) -> None:
    """A document that brings or takes away the algorithm moves the limit at once."""

    def document(bulkhead: dict[str, Any]) -> dict[str, Any]:
        users = {"endpoints": ["http://a"], "bulkhead": bulkhead}
        return {"name": "test", "services": {"users": users}}

    mesh = Mesh(config=document(first))
    mesh.apply(document({} if first else SETTINGS))
    service = mesh.service("users")
    assert (1000 if first else 100) == service.bulkhead.max_concurrency
    assert bool(first) == service.plain
