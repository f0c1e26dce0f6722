"""Whether a call is tried again, and how long it waits before."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import CallOptions
from meshlib.events import HedgeStarted, RetryRefused, RetryScheduled
from meshlib.transport._again import hedge_delay, start_hedge
from support import FakeClock
from support.meshes import Body, at_rest, begun, service_of

PLAIN = {"backoff": {"kind": "constant", "initial": 0.5, "jitter": "none"}}
BAD = httpx.Response(503)


def told(events: list[Any]) -> list[Any]:
    """Why retries were refused, and the waits of those that were not."""
    return [
        event.reason if isinstance(event, RetryRefused) else event.delay
        for event in events
        if isinstance(event, RetryRefused | RetryScheduled)
    ]


def test_backoff_then_attempts_run_out(clock: FakeClock) -> None:
    """`max_attempts` counts the first one; each retry waits as the backoff says."""
    events: list[Any] = []
    service = service_of(clock, events=events, retry={**PLAIN, "max_attempts": 3})
    call, attempt = begun(service)
    assert 0.5 == call.finish_attempt(attempt, BAD)
    assert 0.5 == call.finish_attempt(call.start_attempt(), BAD)
    assert call.finish_attempt(call.start_attempt(), BAD) is None
    assert [0.5, 0.5, "attempts"] == told(events)
    call.close()


@pytest.mark.parametrize(
    ("settings", "options"), [({"retry": False}, None), ({}, CallOptions(retry=False))]
)
def test_retry_can_be_switched_off(
    clock: FakeClock, settings: dict[str, Any], options: CallOptions | None
) -> None:
    """By the service, or by the call."""
    call, attempt = begun(service_of(clock, **settings), options=options)
    assert call.finish_attempt(attempt, BAD) is None
    call.close()


def test_hint_replaces_the_backoff(clock: FakeClock) -> None:
    """A server that says when to come back is asked then."""
    call, attempt = begun(service_of(clock, retry=PLAIN))
    assert 2.0 == call.finish_attempt(attempt, httpx.Response(429, headers={"retry-after": "2"}))
    call.close()


@pytest.mark.parametrize(("timeout", "longest", "retried"), [(2.0, 300, False), (9.0, 1, False)])
def test_hint_beyond_the_deadline_returns_now(
    clock: FakeClock, timeout: float, longest: float, retried: bool
) -> None:
    """Nobody waits for an answer that would come too late, or longer than is allowed."""
    events: list[Any] = []
    service = service_of(clock, events=events, timeout=timeout, retry={"max_hint": longest})
    call, attempt = begun(service)
    response = httpx.Response(429, headers={"retry-after": "2"})
    assert retried == (call.finish_attempt(attempt, response) is not None)
    assert ["deadline"] == told(events)
    call.close()


def test_longest_hint_limits_hints_only(clock: FakeClock) -> None:
    """`max_hint` is about what servers ask for, not about the backoff."""
    call, attempt = begun(service_of(clock, retry={**PLAIN, "max_hint": 0.1}))
    assert 0.5 == call.finish_attempt(attempt, BAD)
    call.close()


def test_backoff_beyond_the_deadline_returns_now(clock: FakeClock) -> None:
    """A retry that could not begin in time is not waited for."""
    call, attempt = begun(service_of(clock, timeout=0.5, retry=PLAIN))
    assert call.finish_attempt(attempt, BAD) is None
    call.close()


def test_budget_is_asked_last(clock: FakeClock) -> None:
    """A retry that is refused for another reason costs nothing."""
    events: list[Any] = []
    service = service_of(
        clock,
        events=events,
        timeout=5.0,
        retry={**PLAIN, "budget": {"ratio": 1.0, "min_per_second": 0}},
    )

    def balance() -> int:
        return service.budget.balance(clock())

    for method, response, options in (
        ("POST", BAD, None),
        ("GET", httpx.Response(429, headers={"retry-after": "9"}), None),
        ("GET", BAD, CallOptions(retry=False)),
        ("PUT", BAD, None),
    ):
        content = Body(b"x") if method == "PUT" else None
        call, attempt = begun(service, method, options=options, content=content)
        before = balance()
        assert call.finish_attempt(attempt, response) is None
        assert before == balance()
        call.close()
    assert ["not idempotent", "deadline", "attempts", "body"] == told(events)

    while balance():
        assert service.budget.try_withdraw(clock())
    call, attempt = begun(service)
    assert 0.5 == call.finish_attempt(attempt, BAD)  # the one deposit of this call
    assert call.finish_attempt(call.start_attempt(), BAD) is None
    assert "budget" == told(events)[-1]
    call.close()


def test_nobody_left_to_ask_keeps_the_outcome(clock: FakeClock) -> None:
    """When the failure opened the last breaker, it says more than the rejection would."""
    events: list[Any] = []
    service = service_of(
        clock, "http://a", events=events, breaker={"consecutive_failures": 1}, retry=PLAIN
    )
    call, attempt = begun(service)
    assert call.finish_attempt(attempt, BAD) is None
    assert ["no endpoint"] == told(events)
    call.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.PoolTimeout])
def test_untouched_body_is_sent_after_a_refusal(
    clock: FakeClock, method: str, error: type[Exception]
) -> None:
    """What never left can be sent by any method, also from a body that can be read once."""
    call, attempt = begun(service_of(clock), method, content=Body(b"x"))
    assert call.fail_attempt(attempt, error("refused")) is not None
    call.close()


@pytest.mark.parametrize("outcome", [BAD, httpx.Response(429), httpx.ReadError("reset")])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_body_that_cannot_be_replayed_is_not_sent_again(
    clock: FakeClock, method: str, outcome: Any
) -> None:
    """Its second sending would be empty, and the server would take that for the whole."""
    call, attempt = begun(service_of(clock), method, content=Body(b"x"))
    if isinstance(outcome, Exception):
        assert call.fail_attempt(attempt, outcome) is None
    else:
        assert call.finish_attempt(attempt, outcome) is None
    call.close()


def test_body_that_was_read_was_sent(clock: FakeClock) -> None:
    """A transport that calls it unsent is not believed when the body says otherwise."""

    def chunks() -> Any:
        yield b"x"

    call, attempt = begun(service_of(clock), "POST", content=chunks())
    assert [b"x"] == list(call.body)
    assert call.fail_attempt(attempt, httpx.ConnectTimeout("timed out")) is None
    call.close()


def test_buffered_body_is_sent_again(clock: FakeClock) -> None:
    """A body that was buffered can be replayed."""
    service = service_of(clock, retry={"buffer_body": 10})
    call, attempt = begun(service, "PUT", content=Body(b"x"))
    assert call.must_buffer
    call.buffered(httpx.ByteStream(b"x"), True)
    assert call.finish_attempt(attempt, BAD) is not None
    call.close()


def test_each_retry_goes_elsewhere(clock: FakeClock) -> None:
    """An endpoint that failed in this call is not asked again while there are others."""
    service = service_of(clock, breaker=False, retry={"max_attempts": 3})
    for _ in range(30):
        call, attempt = begun(service)
        tried = [attempt.target]
        call.finish_attempt(attempt, BAD)
        for _ in range(2):
            attempt = call.start_attempt()
            tried.append(attempt.target)
            call.finish_attempt(attempt, httpx.Response(404))
        assert 3 == len(set(tried))
        call.close()


# Hedges


def test_hedge_waits_for_its_delay(clock: FakeClock) -> None:
    """A fixed delay is taken as it is; a measured one is unknown at first."""
    call, _ = begun(service_of(clock, hedge={"delay": 0.2}))
    assert 0.2 == hedge_delay(call)
    call.close()
    call, _ = begun(service_of(clock, hedge=True))
    assert hedge_delay(call) is None
    call.close()


@pytest.mark.parametrize(
    ("settings", "method", "options"),
    [
        ({}, "GET", None),
        ({"hedge": {"delay": 1}}, "POST", None),
        ({"hedge": {"delay": 1}}, "GET", CallOptions(hedge=False)),
        ({"hedge": {"delay": 1}}, "GET", CallOptions(retry=False)),
        ({"hedge": {"delay": 1}, "retry": {"max_attempts": 1}}, "GET", None),
    ],
)
def test_hedge_has_the_conditions_of_a_retry(
    clock: FakeClock, settings: dict[str, Any], method: str, options: CallOptions | None
) -> None:
    """What may not be sent twice, or has no attempt left, is not hedged."""
    call, _ = begun(service_of(clock, **settings), method, options=options)
    assert hedge_delay(call) is None
    call.close()


def test_one_hedge_by_default(clock: FakeClock) -> None:
    """`max_hedges` bounds them, and each goes to an endpoint of its own."""
    events: list[Any] = []
    service = service_of(clock, events=events, hedge={"delay": 0.2})
    call, attempt = begun(service)
    hedge = start_hedge(call)
    assert hedge is not None
    assert hedge.hedge
    assert hedge.target is not attempt.target
    assert hedge_delay(call) is None
    assert [2] == [event.number for event in events if isinstance(event, HedgeStarted)]
    assert 2 == sum(target.load.in_flight for target in service.targets)
    call.close()
    assert at_rest(service)


def test_hedge_needs_another_endpoint(clock: FakeClock) -> None:
    """A second request to the same endpoint would only add to its trouble."""
    call, _ = begun(service_of(clock, "http://a", hedge={"delay": 0.2}))
    assert start_hedge(call) is None
    call.close()
    call, _ = begun(service_of(clock, hedge={"delay": 0.2}))
    assert start_hedge(call) is not None  # nobody listens
    call.close()


def test_hedge_is_paid_out_of_the_budget(clock: FakeClock) -> None:
    """An empty budget allows neither retries nor hedges."""
    service = service_of(
        clock, hedge={"delay": 0.2}, retry={"budget": {"ratio": 0, "min_per_second": 0}}
    )
    call, _ = begun(service)
    assert start_hedge(call) is None
    call.close()


def test_hedge_that_finds_nothing_leaves_the_first_alone(clock: FakeClock) -> None:
    """No endpoint, or no time: the attempt in flight may still answer."""
    service = service_of(clock, hedge={"delay": 0.2}, timeout=1.0)
    call, _ = begun(service)
    clock.advance(1.0)
    assert start_hedge(call) is None
    call.close()
    call, _ = begun(service)
    for target in service.targets:
        target.breaker.isolate()
    service.pickable = begun_before = service.pickable
    assert begun_before.pick is None
    assert start_hedge(call) is None
    call.close()
    assert at_rest(service)
