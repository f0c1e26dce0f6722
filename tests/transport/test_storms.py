"""What a service does when most of what it sends is lost: limit, breakers, guard and throttle."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import httpx
import pytest

from meshlib import CallOptions, ThrottledError
from meshlib._context import Priority, ServedRequest, Serving, served_request
from meshlib.events import Event, RetryGuardChanged, RetryRefused
from meshlib.telemetry import CallReport
from meshlib.throttle import Throttle, ThrottleOptions
from meshlib.transport import Call, Service
from meshlib.transport._rejections import conclude
from support import FakeClock
from support.meshes import Caller, begun, call_of, service_of

LATE = httpx.ReadTimeout("late")


def many(service: Service, number: int, **rest: Any) -> list[tuple[Call, Any]]:
    """So many calls, all in flight at once."""
    return [begun(service, **rest) for _ in range(number)]


def end(clock: FakeClock, calls: list[tuple[Call, Any]], error: Exception | None = None) -> None:
    """All of them end, one after the other in a tenth of a second or more."""
    for call, attempt in calls:
        clock.advance(0.12 / len(calls))
        if error is None:
            call.finish_attempt(attempt, httpx.Response(200))
        else:
            call.fail_attempt(attempt, error)
        call.close()


def test_late_attempts_limit_a_service(clock: FakeClock) -> None:
    """Until answers come in time, calls tell the limit of them; before and after they need not."""
    service = service_of(clock, retry=False, breaker=False)
    assert service.plain
    end(clock, many(service, 100), LATE)
    assert 50 == service.bulkhead.max_concurrency
    assert not service.plain
    while not service.plain:
        end(clock, many(service, 10))
    assert 1000 == service.bulkhead.max_concurrency


@pytest.mark.parametrize("error", [LATE, httpx.ConnectTimeout("late")], ids=repr)
def test_flood_opens_no_breaker(clock: FakeClock, error: Exception) -> None:
    """Nor is its outcome called otherwise, and it is tried again as before."""
    service = service_of(clock, "http://a:80", retry={"guard": False})
    end(clock, many(service, 20))
    calls = many(service, 40)
    end(clock, calls[:10], error)
    assert "closed" == service.targets[0].breaker.state.value
    outcome = calls[3][1].outcome
    plain = service.policies.classifier.error(error)
    assert (plain.name, plain.retryable) == (outcome.name, outcome.retryable)


@pytest.mark.parametrize("error", [httpx.ReadError("reset"), httpx.ConnectError("refused")])
def test_broken_connections_open_a_breaker_in_a_flood(clock: FakeClock, error: Exception) -> None:
    """They say nothing about load."""
    service = service_of(clock, "http://a:80", retry=False)
    end(clock, many(service, 20))
    calls = many(service, 40)
    end(clock, calls[:5], error)
    assert "open" == service.targets[0].breaker.state.value
    assert 1000 == service.bulkhead.max_concurrency


def test_few_late_attempts_open_a_breaker(clock: FakeClock) -> None:
    """Five in a row, though there are twenty in flight."""
    service = service_of(clock, "http://a:80", retry=False)
    calls = many(service, 20)
    end(clock, calls[:5], LATE)
    assert "open" == service.targets[0].breaker.state.value


def test_service_that_only_fails_opens_its_breaker_in_a_flood(clock: FakeClock) -> None:
    """By the ratio of its window, which these count for."""
    service = service_of(clock, "http://a:80", retry=False)
    end(clock, many(service, 50), LATE)
    assert "open" == service.targets[0].breaker.state.value


def storm(clock: FakeClock, **settings: Any) -> tuple[Service, list[Event]]:
    """A service of which every call was answered, and then, for a moment, none."""
    events: list[Event] = []
    service = service_of(
        clock, events=events, breaker=False, bulkhead={"adaptive": None}, **settings
    )
    for _ in range(40):
        end(clock, many(service, 20))
    for _ in range(2):
        for call, attempt in many(service, 30):
            clock.advance(0.004)
            while call.fail_attempt(attempt, LATE) is not None:
                attempt = call.start_attempt()
            call.close()
    return service, events


def test_guard_withholds_retries(clock: FakeClock) -> None:
    """Which the report and an event tell; the first attempt is made all the same."""
    service, events = storm(clock)
    assert service.guard.active
    assert [True] == [each.active for each in events if isinstance(each, RetryGuardChanged)]
    call, attempt = begun(service)
    assert call.fail_attempt(attempt, LATE) is None
    call.close()
    refused = events[-1]
    assert isinstance(refused, RetryRefused)
    assert ("guard", "guard") == (refused.reason, CallReport(call).retry_refused)
    assert "not tried again: guard" in str(CallReport(call))
    assert service.guard.withheld > 0
    clock.advance(11.0)
    end(clock, many(service, 30))
    begun(service)
    assert not service.guard.active
    assert [True, False] == [each.active for each in events if isinstance(each, RetryGuardChanged)]


def test_guard_can_be_switched_off(clock: FakeClock) -> None:
    """Then retries are the budget's affair alone."""
    service, _ = storm(clock, retry={"guard": False})
    call, attempt = begun(service)
    assert call.fail_attempt(attempt, LATE) is not None
    call.close()


def test_guard_counts_what_deadlines_cut_off(clock: FakeClock) -> None:
    """They are no failures of endpoints, and no good answers either."""
    service = service_of(clock)
    call, attempt = begun(service, options=CallOptions(timeout=1.0))
    clock.advance(1.0)
    call.fail_attempt(attempt, LATE)
    call.close()
    assert 1 == service.guard.lost


def test_forked_child_withholds_nothing(clock: FakeClock) -> None:
    """Its parent's storm may be over."""
    service, _ = storm(clock, throttle=True)
    service.renew()
    assert not service.guard.active
    assert service.throttle is not None
    assert 0.0 == service.throttle.share(clock())


THROTTLE: dict[str, Any] = {"throttle": {"min_rate": 0}, "retry": False, "breaker": False}


def share(service: Service) -> float:
    """The share of calls that is refused now."""
    assert service.throttle is not None
    return service.throttle.share(service.clock())


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_throttled_call_is_not_sent(
    kind: str, clock: FakeClock, anyio_backend_name: str
) -> None:
    """It raises a rejection with its facts, takes no permit, and a fallback can answer."""
    caller = Caller(kind, clock, 503, **THROTTLE)
    errors = []
    for _ in range(50):
        try:
            await caller.call()
        except ThrottledError as exc:
            errors.append(exc)
    assert 50 == len(errors) + len(caller.wire.requests)
    assert 25 < len(errors) < 50
    assert ("users", 0.9) == (errors[-1].service, errors[-1].share)
    assert "90%" in str(errors[-1])
    assert 0 == caller.service.bulkhead.in_flight
    metrics = caller.mesh.metrics().services["users"]
    assert (0.9, len(errors)) == (metrics.throttle, metrics.throttled)
    assert "90% of the calls are refused" in str(caller.mesh.metrics())
    answers = {
        (await caller.call(options=CallOptions(fallback={"ok": True}))).status_code
        for _ in range(20)
    }
    assert {200} == answers


@pytest.mark.parametrize("status", [200, 404, 301])
def test_answer_is_an_acceptance(clock: FakeClock, status: int) -> None:
    """Whatever it says, as long as it is neither a failure nor a refusal."""
    service = service_of(clock, **THROTTLE)
    for call, attempt in many(service, 20):
        call.finish_attempt(attempt, httpx.Response(status))
        call.close()
    assert 0.0 == share(service)
    call, attempt = begun(service)
    assert not call.service.plain


@pytest.mark.parametrize("what", [500, 503, 429, LATE, httpx.ConnectError("refused")], ids=repr)
def test_failure_is_none(clock: FakeClock, what: Any) -> None:
    """Nor is a call whose deadline has passed."""
    service = service_of(clock, **THROTTLE)
    call, attempt = begun(service)
    if isinstance(what, int):
        call.finish_attempt(attempt, httpx.Response(what))
    else:
        call.fail_attempt(attempt, what)
    call.close()
    assert share(service) > 0.0


def test_deadline_that_passed_is_no_acceptance(clock: FakeClock) -> None:
    """The service found no time for it."""
    service = service_of(clock, **THROTTLE)
    call, attempt = begun(service, options=CallOptions(timeout=1.0))
    clock.advance(1.0)
    call.fail_attempt(attempt, LATE)
    call.close()
    assert share(service) > 0.0


@pytest.mark.anyio
async def test_call_that_was_not_sent_says_nothing(
    clock: FakeClock, anyio_backend_name: str
) -> None:
    """With a fallback or without; a cancelled one does not either."""
    caller = Caller("sync", clock, KeyboardInterrupt(), **THROTTLE, endpoints=[])
    for fallback in (None, 204):
        with pytest.raises(Exception, match="no endpoint"):
            await caller.call(options=CallOptions(fallback=fallback and _refuse))
    assert 0.0 == share(caller.service)
    caller = Caller("sync", clock, KeyboardInterrupt(), **THROTTLE)
    with pytest.raises(KeyboardInterrupt):
        await caller.call()
    assert 0.0 == share(caller.service)


def _refuse(_: Any, error: Exception | None) -> Any:
    assert error is not None
    raise error


def test_retry_that_finds_no_endpoint_was_sent(clock: FakeClock) -> None:
    """Its first attempt has failed."""
    service = service_of(clock, throttle={"min_rate": 0})
    call, attempt = begun(service)
    call.fail_attempt(attempt, LATE)
    conclude(call, LATE)
    assert share(service) > 0.0


def test_priority_of_what_is_served_counts(clock: FakeClock) -> None:
    """Calls for what matters most are refused last."""
    service = service_of(clock, **THROTTLE)
    refused = {}
    for priority in (Priority.SHEDDABLE, Priority.CRITICAL_PLUS):
        service.throttle = Throttle(ThrottleOptions(min_rate=0), rng=random.Random(1))
        begun_before, Serving.begun = Serving.begun, True
        token = served_request.set(ServedRequest(request_id="1", priority=priority))
        try:
            refused[priority] = 0
            for number in range(600):
                try:
                    call, attempt = begun(service)
                except ThrottledError:
                    refused[priority] += 1
                    continue
                call.finish_attempt(attempt, httpx.Response(200 if number % 3 == 0 else 503))
                call.close()
        finally:
            served_request.reset(token)
            Serving.begun = begun_before
    assert refused[Priority.SHEDDABLE] > 2 * refused[Priority.CRITICAL_PLUS]


def test_new_options_bring_a_new_throttle(clock: FakeClock) -> None:
    """The same ones keep what was counted; switched off, calls in flight end as any."""
    service = service_of(clock, **THROTTLE)
    call, attempt = begun(service)
    before = service.throttle
    service.apply(replace(service.policies, timeout=3.0))
    assert before is service.throttle
    service.apply(replace(service.policies, throttle=None))
    assert service.throttle is None
    call.finish_attempt(attempt, httpx.Response(200))
    call.close()
    call = call_of(service)
    assert call.admit()
    call.close()
    assert service.plain
