"""What is answered in the place of an endpoint, before it or after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.faults import ERROR_NAMES, Fault, FaultInjector, FaultPlan, FaultRule

Decide = Callable[..., Fault | None]


def rule(name: str = "r", **document: Any) -> FaultRule:
    """Make a rule."""
    return FaultRule.model_validate({"name": name, **document})


def plan_of(*rules: FaultRule) -> FaultPlan:
    """Make a plan of these rules."""
    return FaultInjector(rules).plan("users", "checkout")


def test_status_brings_its_headers(decide: Decide) -> None:
    """What a response says besides its status is the rule's."""
    fault = decide(plan_of(rule(abort={"httpStatus": 503, "headers": {"x-shed": "1"}})))
    assert fault is not None
    assert (503, {"x-shed": "1"}, True) == (fault.status, fault.headers, fault.aborts)


@pytest.mark.parametrize("error", ERROR_NAMES)
def test_every_error_can_be_named(error: str, decide: Decide) -> None:
    """The errors of the vocabulary are those of a fault."""
    fault = decide(plan_of(rule(abort={"error": error})))
    assert fault is not None
    assert (error, True) == (fault.error, fault.aborts)


@pytest.mark.parametrize(
    ("said", "expected"), [(True, "read"), ("read", "read"), ("connect", "connect")]
)
def test_blackhole_says_where_it_begins(said: object, expected: str, decide: Decide) -> None:
    """It swallows the request, or the connection already."""
    fault = decide(plan_of(rule(abort={"blackhole": said})))
    assert fault is not None
    assert (expected, None, None, True) == (
        fault.blackhole,
        fault.status,
        fault.error,
        fault.aborts,
    )


def test_error_within_a_body_says_where(decide: Decide) -> None:
    """So many bytes come first."""
    fault = decide(plan_of(rule(abort={"error": "reset", "after": 10})))
    assert fault is not None
    assert ("reset", 10) == (fault.error, fault.after_bytes)


def test_delay_alone_aborts_nothing(decide: Decide) -> None:
    """The endpoint's response reaches the caller."""
    fault = decide(plan_of(rule(delay={"fixed": 1})))
    assert fault is not None
    assert not fault.aborts


def test_lost_response_is_aborted_after(decide: Decide) -> None:
    """The request is processed: the delay and the abort come with its answer."""
    fault = decide(plan_of(rule(delay={"fixed": 1}, abort={"error": "reset"}, when="after")))
    assert fault is not None
    assert ("after", 0.0, 1.0, "reset") == (
        fault.when,
        fault.delay,
        fault.delay_after,
        fault.error,
    )


def test_delays_before_and_after_add_up_apart(decide: Decide) -> None:
    """Both sides of the request have their own."""
    after = {"when": "after"}
    fault = decide(
        plan_of(
            rule(delay={"fixed": 1}),
            rule(delay={"fixed": 2}, **after),
            rule(delay={"fixed": 4}, **after),
        )
    )
    assert fault is not None
    assert (1.0, 6.0, "before") == (fault.delay, fault.delay_after, fault.when)


def test_nothing_comes_after_what_was_never_sent(decide: Decide) -> None:
    """An abort before leaves no response to hold back, and such a rule is not counted."""
    injector = FaultInjector(
        [rule("late", delay={"fixed": 2}, when="after"), rule("no", abort={"status": 500})]
    )
    fault = decide(injector.plan("users", "checkout"))
    assert fault is not None
    assert ("no", 0.0) == (fault.rule, fault.delay_after)
    assert {"late": 0, "no": 1} == injector.injected


@pytest.mark.parametrize(
    "abort",
    [{"abort": {"status": 500}, "when": "after"}, {"abort": {"error": "reset", "after": 3}}],
)
def test_what_was_sent_can_be_held_back_and_lost(abort: dict[str, Any], decide: Decide) -> None:
    """A rule for the answer acts together with an abort that waits for it."""
    fault = decide(plan_of(rule("late", delay={"fixed": 2}, when="after"), rule("no", **abort)))
    assert fault is not None
    assert ("late+no", 2.0) == (fault.rule, fault.delay_after)


HEADERS = {"x-envoy-fault-delay-request": "250", "x-envoy-fault-abort-request": "429"}


@pytest.mark.parametrize(
    ("headers", "delay", "status"),
    [
        (HEADERS, 0.25, 429),
        ({name.upper(): f" {value}\t" for name, value in HEADERS.items()}, 0.25, 429),
        ({"x-envoy-fault-delay-request": "0"}, 0.0, None),
        ({**HEADERS, "x-envoy-fault-abort-request-percentage": "0"}, 0.25, None),
        ({**HEADERS, "x-envoy-fault-delay-request-percentage": "0"}, 0.0, 429),
        ({**HEADERS, "x-envoy-fault-delay-request-percentage": "many"}, 0.0, 429),
        ({**HEADERS, "x-envoy-fault-delay-request": "3600001"}, 0.0, 429),
        ({**HEADERS, "x-envoy-fault-delay-request": "-1"}, 0.0, 429),
        ({**HEADERS, "x-envoy-fault-delay-request": "\u0665"}, 0.0, 429),
        ({**HEADERS, "x-envoy-fault-delay-request": "9" * 5000}, 0.0, 429),
        ({**HEADERS, "x-envoy-fault-abort-request": "199"}, 0.25, None),
    ],
)
def test_headers_ask_for_a_fault(
    headers: dict[str, str], delay: float, status: int | None, decide: Decide
) -> None:
    """Envoy's headers mean here what they mean there, and nothing when they are wrong."""
    injector = FaultInjector([rule(delay={"header": True}, abort={"header": True})])
    injector.heeds_requests = True
    fault = decide(injector.plan("users", "checkout"), headers=headers)
    assert fault is not None
    assert (delay, status) == (fault.delay, fault.status)


@pytest.mark.parametrize("headers", [{}, {"x-envoy-fault-abort-request": "1"}])
def test_headers_that_ask_for_nothing_get_nothing(headers: dict[str, str], decide: Decide) -> None:
    """A request without them, or with wrong ones, is left alone."""
    injector = FaultInjector([rule(delay={"header": True}, abort={"header": True})])
    injector.heeds_requests = True
    assert decide(injector.plan("users", "checkout"), headers=headers) is None


def test_headers_are_not_heeded_unless_that_is_allowed(decide: Decide) -> None:
    """What anybody may send is off by default."""
    header = {"header": True}
    injector = FaultInjector([rule(delay=header, abort=header, response=header)])
    plan = injector.plan("users", "checkout")
    everything = {**HEADERS, "x-envoy-fault-throughput-response": "1"}
    assert decide(plan, headers=everything) is None
    injector.heeds_requests = True
    assert decide(plan, headers=everything) is not None


@pytest.mark.parametrize(("asked", "share"), [("90", 0.2), ("10", 0.1), ("20", 0.2)])
def test_headers_never_raise_the_percentage(asked: str, share: float, decide: Decide) -> None:
    """They can lower what is configured, and no more."""
    injector = FaultInjector([rule(abort={"header": True, "percentage": 20}, seed=5)])
    injector.heeds_requests = True
    plan = injector.plan("users", "checkout")
    headers = {**HEADERS, "x-envoy-fault-abort-request-percentage": asked}
    touched = sum(decide(plan, headers=headers) is not None for _ in range(5000))
    assert share == pytest.approx(touched / 5000, abs=3 * (share * (1 - share) / 5000) ** 0.5)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"abort": {"error": "reset", "body": "x"}}, "abort: body goes with status"),
        ({"abort": {"blackhole": True, "headers": {"a": "b"}}}, "headers goes with status"),
        ({"abort": {"error": "refused", "after": 1}}, "after goes with the errors reset"),
        ({"abort": {"status": 500, "after": 1}}, "after goes with the errors reset"),
        ({"abort": {"status": 500, "blackhole": True}}, "give one of"),
        ({"abort": {"blackhole": False}}, "give one of"),
        ({"abort": {"blackhole": "write"}}, "'write' is not known"),
        ({"abort": {"error": "tls_expird"}}, "did you mean 'tls_expired'"),
        ({"abort": {"error": "reset", "after": 1}, "when": "after"}, "abort.after: when: after"),
        ({"abort": {"status": 500, "http_status": 500}}, "another name of 'status'"),
    ],
)
def test_abort_is_rejected_when_it_makes_no_sense(document: dict[str, Any], message: str) -> None:
    """What is wrong is named with its place, and with what was meant."""
    with pytest.raises(ConfigurationError, match=message):
        rule(**document)
