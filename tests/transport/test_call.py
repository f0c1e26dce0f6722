"""The decisions of a call that are not about retries: deadlines, permits, its end."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import CallOptions, DeadlineExceededError
from meshlib.events import (
    AttemptFinished,
    CallFinished,
    CallRejected,
    FallbackUsed,
    FaultInjected,
)
from support import FakeClock
from support.meshes import Body, at_rest, begun, call_of, service_of

DEADLINES = [
    # configured, ambient (from now), per call, seconds until the deadline
    (10.0, None, None, 10.0),
    (10.0, 3.0, None, 3.0),
    (10.0, 30.0, None, 10.0),
    (10.0, None, 2.0, 2.0),
    (10.0, 1.0, 2.0, 1.0),
    (10.0, 3.0, 2.0, 2.0),
    (None, None, None, float("inf")),
    (None, 3.0, None, 3.0),
]


@pytest.mark.parametrize(("configured", "ambient", "own", "left"), DEADLINES)
def test_nearest_deadline_wins(
    clock: FakeClock,
    configured: float | None,
    ambient: float | None,
    own: float | None,
    left: float,
) -> None:
    """A call ends by its timeout, and no later than whoever it is made for allows."""
    service = service_of(clock, timeout=configured)
    call = call_of(
        service,
        ambient=None if ambient is None else clock() + ambient,
        options=None if own is None else CallOptions(timeout=own),
    )
    assert left == call.deadline - clock()


@pytest.mark.parametrize(
    ("attempt_timeout", "own", "left"),
    [(None, None, 10.0), (2.0, None, 2.0), (20.0, None, 10.0), (2.0, 4.0, 4.0)],
)
def test_attempt_ends_with_its_timeout_or_the_call(
    clock: FakeClock, attempt_timeout: float | None, own: float | None, left: float
) -> None:
    """An attempt has its own timeout, and never longer than the call."""
    service = service_of(clock, timeout=10.0, attempt_timeout=attempt_timeout)
    call, attempt = begun(service, options=CallOptions(attempt_timeout=own))
    assert left == attempt.left()
    call.close()


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.ConnectTimeout, httpx.PoolTimeout])
@pytest.mark.parametrize(
    ("ambient", "own", "neutral"), [(2.0, None, True), (None, 2.0, True), (None, None, False)]
)
def test_deadline_of_the_caller_is_no_failure(
    clock: FakeClock,
    error: type[Exception],
    ambient: float | None,
    own: float | None,
    neutral: bool,
) -> None:
    """What the caller had no time for says nothing; the configured timeout says it all."""
    service = service_of(clock, timeout=2.0 if not neutral else 60.0)
    call, attempt = begun(
        service,
        ambient=None if ambient is None else clock() + ambient,
        options=None if own is None else CallOptions(timeout=own),
    )
    clock.advance(2.0)
    assert call.fail_attempt(attempt, error("timed out")) is None
    assert neutral == ("deadline" == getattr(attempt.outcome, "name", None))
    failures = 0 if neutral or error is httpx.PoolTimeout else 1
    assert failures == attempt.breaker.snapshot(clock()).failures
    call.close()


def test_attempt_timeout_before_the_deadline_of_the_caller_is_a_failure(clock: FakeClock) -> None:
    """The attempt's own timeout ran out first, so the endpoint was too slow."""
    service = service_of(clock, attempt_timeout=1.0)
    call, attempt = begun(service, ambient=clock() + 5.0)
    clock.advance(1.0)
    assert call.fail_attempt(attempt, httpx.ReadTimeout("timed out")) is not None
    assert 1 == attempt.breaker.snapshot(clock()).failures
    call.close()


def test_refusal_counts_after_the_deadline_too(clock: FakeClock) -> None:
    """A refused connection is the endpoint's doing, whenever it comes."""
    service = service_of(clock)
    call, attempt = begun(service, ambient=clock() + 1.0)
    clock.advance(1.0)
    call.fail_attempt(attempt, httpx.ConnectError("refused"))
    assert 1 == attempt.breaker.snapshot(clock()).failures
    call.close()


def test_expired_deadline_admits_nothing(clock: FakeClock) -> None:
    """A call whose caller has no time left takes no permit."""
    service = service_of(clock)
    call = call_of(service, ambient=clock() - 1.0)
    with pytest.raises(DeadlineExceededError) as caught:
        call.admit()
    assert (0, 0.0) == (caught.value.attempts, caught.value.elapsed)
    call.close()
    assert at_rest(service)


def test_deadline_between_attempts_refuses_the_next(clock: FakeClock) -> None:
    """The deadline is looked at again before each attempt."""
    service = service_of(clock, timeout=1.0)
    call, attempt = begun(service)
    call.finish_attempt(attempt, httpx.Response(503))
    clock.advance(1.0)
    with pytest.raises(DeadlineExceededError, match="1 attempt") as caught:
        call.start_attempt()
    assert (1, 1.0) == (caught.value.attempts, caught.value.elapsed)
    call.close()
    assert at_rest(service)


def test_bulkhead_counts_calls_not_attempts(clock: FakeClock) -> None:
    """A call holds one permit however often it is tried, until it is closed."""
    service = service_of(clock, bulkhead={"max_concurrency": 1})
    call, attempt = begun(service)
    call.finish_attempt(attempt, httpx.Response(503))
    call.start_attempt()
    assert 1 == service.bulkhead.in_flight
    assert not call_of(service).admit()
    call.close()
    call.close()
    assert at_rest(service)


def test_waiting_is_measured(clock: FakeClock) -> None:
    """What a call waited, for endpoints and for a permit, is no time of an attempt."""
    service = service_of(clock)
    call = call_of(service)
    clock.advance(1.0)
    call.readied()
    clock.advance(2.0)
    assert service.bulkhead.try_acquire()
    call.admitted()
    attempt = call.start_attempt()
    assert (3.0, clock()) == (call.waited, attempt.started)
    call.close()
    assert at_rest(service)


def test_call_deposits_once(clock: FakeClock) -> None:
    """Calls pay into the retry budget, attempts do not."""
    service = service_of(clock, retry={"budget": {"ratio": 1.0, "min_per_second": 0}})
    call, attempt = begun(service)
    assert 1 == service.budget.balance(clock())
    assert call.finish_attempt(attempt, httpx.Response(503)) is not None
    call.start_attempt()
    assert 0 == service.budget.balance(clock())
    call.close()


def test_broken_body_is_a_failure(clock: FakeClock) -> None:
    """Good headers and a body that breaks off count as a failure of the endpoint."""
    service = service_of(clock)
    call, attempt = begun(service)
    assert call.finish_attempt(attempt, httpx.Response(200)) is None
    call.body_failed(attempt, httpx.ReadError("reset"))
    assert 1 == attempt.breaker.snapshot(clock()).failures
    call.close()
    assert at_rest(service)


def test_body_cut_off_by_the_caller_is_no_failure(clock: FakeClock) -> None:
    """A body for which the caller had no time says nothing more."""
    service = service_of(clock)
    call, attempt = begun(service, ambient=clock() + 1.0)
    call.finish_attempt(attempt, httpx.Response(200))
    clock.advance(1.0)
    call.body_failed(attempt, httpx.ReadTimeout("timed out"))
    assert 0 == attempt.breaker.snapshot(clock()).failures
    call.close()


@pytest.mark.parametrize(
    ("settings", "rest", "hedged"),
    [
        ({}, {}, False),
        ({"hedge": True}, {}, True),
        ({"hedge": True}, {"options": CallOptions(hedge=False)}, False),
        ({"hedge": True}, {"method": "POST"}, False),
        ({"hedge": True}, {"method": "PUT", "content": Body(b"x")}, False),
        (
            {"hedge": True, "retry": {"buffer_body": 10}},
            {"method": "PUT", "content": Body(b"x")},
            True,
        ),
    ],
)
def test_only_what_may_be_sent_twice_is_hedged(
    clock: FakeClock, settings: dict[str, Any], rest: dict[str, Any], hedged: bool
) -> None:
    """A hedge is a second sending, so it has the conditions of one."""
    call = call_of(service_of(clock, **settings), **rest)
    assert hedged == call.hedged


@pytest.mark.parametrize("options", [None, CallOptions(), CallOptions(fallback="x")])
@pytest.mark.parametrize("settings", [{}, {"fallback": {"text": "y"}}])
def test_fallback_of_call_or_service(
    clock: FakeClock, settings: dict[str, Any], options: CallOptions | None
) -> None:
    """Either of them may bring a fallback."""
    call = call_of(service_of(clock, **settings), options=options)
    wanted = bool(settings) or (options is not None and options.fallback is not None)
    assert wanted == call.may_fall_back


def test_hash_key_of_the_call_wins(clock: FakeClock) -> None:
    """The balancer's key comes from the call, else from where the service says."""
    service = service_of(clock, balancer={"ring_hash": {"key": {"header": "x-user"}}})
    headers = {"x-user": "u1"}
    assert "u1" == call_of(service, headers=headers).hash_key
    assert "k" == call_of(service, headers=headers, options=CallOptions(hash_key="k")).hash_key
    assert call_of(service).hash_key is None


def test_end_is_told(clock: FakeClock) -> None:
    """Listeners hear of the end of a call, and of its rejection."""
    events: list[Any] = []
    service = service_of(clock, events=events)
    call, attempt = begun(service)
    clock.advance(0.5)
    call.finish_attempt(attempt, httpx.Response(200))
    call.finished(200, None)
    call.fell_back("value", None)
    call.close()
    ends = [event for event in events if isinstance(event, CallFinished)]
    assert [(200, None, 1, 0.5)] == [(e.status, e.error, e.attempts, e.elapsed) for e in ends]
    assert ["value"] == [event.kind for event in events if isinstance(event, FallbackUsed)]
    assert 1 == service.fallbacks

    empty = service_of(clock, events=events, ready=False)
    call = call_of(empty)
    call.admit()
    with pytest.raises(httpx.TransportError) as caught:
        call.start_attempt()
    call.finished(None, caught.value)
    call.close()
    assert [caught.value] == [event.error for event in events if isinstance(event, CallRejected)]
    assert 1 == empty.rejected


def test_fault_is_drawn_for_the_attempt(clock: FakeClock) -> None:
    """A fault belongs to its attempt, is told, and is given back with it."""
    events: list[Any] = []
    service = service_of(
        clock,
        events=events,
        faults=[{"name": "slow", "delay": {"fixed": 1.0}, "max_active": 1}],
    )
    call, attempt = begun(service)
    assert attempt.fault is not None
    assert ("slow", 1.0) == (attempt.fault.rule, attempt.fault.delay)
    assert ["slow"] == [event.rule for event in events if isinstance(event, FaultInjected)]
    second, untouched = begun(service)
    assert untouched.fault is None  # max_active
    clock.advance(1.0)
    assert 14.0 == attempt.left()  # the fault took its time, so it is read anew
    call.finish_attempt(attempt, httpx.Response(200))
    call.close()
    third, again = begun(service)
    assert again.fault is not None
    for one in (second, third):
        one.close()
    assert at_rest(service)


def test_earlier_errors_lose_their_frames(clock: FakeClock) -> None:
    """A report keeps what went wrong, and not everything that was on the stack then."""
    service = service_of(clock)
    call, attempt = begun(service)
    try:
        raise httpx.ConnectError("refused")
    except httpx.ConnectError as error:
        call.fail_attempt(attempt, error)
    call.finish_attempt(call.start_attempt(), httpx.Response(200))
    call.forget_frames()
    assert isinstance(attempt.error, httpx.ConnectError)
    assert attempt.error.__traceback__ is None
    call.forget_errors()
    assert attempt.error is None
    call.close()


class Spans:
    """Records what a tracer is told."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.heard: list[Any] = []

    def attempt_started(self, attempt: Any) -> None:
        """An attempt begins."""
        self.heard.append(attempt.number)

    def attempt_ended(self, attempt: Any, response: Any = None) -> None:
        """An attempt has its outcome."""
        self.heard.append(attempt.outcome.name)

    def call_ended(self, call: Any, status: int | None, error: BaseException | None) -> None:
        """A call ends."""
        self.heard.append(status or error)


def test_tracer_hears_of_attempts_and_the_end(clock: FakeClock) -> None:
    """Each attempt is a span of its call."""
    service = service_of(clock)
    service.tracing = spans = Spans()
    call, attempt = begun(service)
    call.finish_attempt(attempt, httpx.Response(200))
    call.finished(200, None)
    call.close()
    assert [1, "success", 200] == spans.heard


def test_attempts_are_told_and_observed(clock: FakeClock) -> None:
    """Listeners hear of each attempt; good ones teach the hedge how long answers take."""
    events: list[Any] = []
    service = service_of(clock, events=events, hedge=True)
    assert service.hedge is not None
    for _ in range(20):
        call, attempt = begun(service)
        clock.advance(0.1)
        call.finish_attempt(attempt, httpx.Response(200))
        call.close()
    call, attempt = begun(service)
    call.fail_attempt(attempt, httpx.ReadError("reset"))
    call.close()
    told = [event for event in events if isinstance(event, AttemptFinished)]
    assert 20 * ["success"] + ["broken"] == [event.outcome for event in told]
    assert (200, None) == (told[0].status, told[0].error)
    assert (None, attempt.target.endpoint) == (told[-1].status, told[-1].endpoint)
    assert service.hedge.delay(clock()) == pytest.approx(0.1, rel=0.07)


def test_failed_is_what_a_fallback_replaces(clock: FakeClock) -> None:
    """A good response is not replaced; one that no attempt gave is judged by its status."""
    call, attempt = begun(service_of(clock))
    assert not call.failed(None, httpx.Response(404))
    assert call.failed(None, httpx.Response(503))
    assert not call.failed(attempt, httpx.Response(503))  # it has no outcome yet
    call.finish_attempt(attempt, httpx.Response(503))
    assert call.failed(attempt, httpx.Response(503))
    call.fell_back("value", None)
    call.finished(200, None)
    call.close()
