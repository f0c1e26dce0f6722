"""The outcome table, row by row, as a call applies it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import CallOptions
from meshlib._models import LoadSignal, Verdict
from support import FakeClock
from support.meshes import at_rest, begun, service_of

S, F, SHED, N = Verdict.SUCCESS, Verdict.FAILURE, Verdict.SHED, Verdict.NEUTRAL
MEASURED, PENALISED = LoadSignal.MEASURED, LoadSignal.PENALISED
AT_LEAST, NONE = LoadSignal.AT_LEAST, LoadSignal.NONE

STATUSES = [
    # status, headers, row, verdict, load, retried for GET, for POST
    (200, {}, "success", S, MEASURED, False, False),
    (302, {}, "success", S, MEASURED, False, False),
    (404, {}, "success", S, MEASURED, False, False),
    (408, {}, "transient", SHED, MEASURED, True, False),
    (425, {}, "transient", SHED, MEASURED, True, False),
    (429, {}, "overloaded", SHED, PENALISED, True, True),
    (429, {"retry-after": "1"}, "overloaded", SHED, PENALISED, True, True),
    (503, {"retry-after": "1"}, "overloaded", SHED, PENALISED, True, True),
    (500, {}, "server_error", F, PENALISED, False, False),
    (501, {}, "server_error", F, PENALISED, False, False),
    (502, {}, "unavailable", F, PENALISED, True, False),
    (503, {}, "unavailable", F, PENALISED, True, False),
    (504, {}, "unavailable", F, PENALISED, True, False),
]

ERRORS = [
    (httpx.ConnectError, "never_sent", F, PENALISED, True, True),
    (httpx.ConnectTimeout, "never_sent", F, PENALISED, True, True),
    (httpx.ProxyError, "never_sent", F, PENALISED, True, True),
    (httpx.PoolTimeout, "pool_timeout", N, NONE, True, True),
    (httpx.ReadError, "broken", F, AT_LEAST, True, False),
    (httpx.WriteError, "broken", F, AT_LEAST, True, False),
    (httpx.RemoteProtocolError, "broken", F, AT_LEAST, True, False),
    (httpx.ReadTimeout, "broken", F, AT_LEAST, True, False),
    (httpx.WriteTimeout, "broken", F, AT_LEAST, True, False),
    (httpx.LocalProtocolError, "caller_error", N, NONE, False, False),
    (httpx.UnsupportedProtocol, "caller_error", N, NONE, False, False),
    (ValueError, "caller_error", N, NONE, False, False),
]

METHODS = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH"]
IDEMPOTENT = set(METHODS[:6])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("status", "headers", "row", "verdict", "load", "get", "post"), STATUSES)
def test_status_is_judged(
    clock: FakeClock,
    method: str,
    status: int,
    headers: dict[str, str],
    row: str,
    verdict: Verdict,
    load: LoadSignal,
    get: bool,
    post: bool,
) -> None:
    """A status has its row of the table, and is retried as its method allows."""
    service = service_of(clock)
    call, attempt = begun(service, method)
    delay = call.finish_attempt(attempt, httpx.Response(status, headers=headers))

    assert attempt.outcome is not None
    assert (row, verdict, load) == (
        attempt.outcome.name,
        attempt.outcome.verdict,
        attempt.outcome.load,
    )
    assert (get if method in IDEMPOTENT else post) == (delay is not None)
    assert (1 if verdict is S else 0) == attempt.target.outlier.successes
    seen = attempt.breaker.snapshot(clock())
    assert (1, int(verdict in (F, SHED))) == (seen.total, seen.failures)
    assert int(verdict is F) == seen.consecutive
    assert 1 == attempt.target.load.in_flight  # until the body is closed
    call.close()
    assert at_rest(service)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("error", "row", "verdict", "load", "get", "post"), ERRORS)
def test_error_is_judged(
    clock: FakeClock,
    method: str,
    error: type[Exception],
    row: str,
    verdict: Verdict,
    load: LoadSignal,
    get: bool,
    post: bool,
) -> None:
    """An error has its row of the table; what was never sent is retried for any method."""
    service = service_of(clock)
    call, attempt = begun(service, method)
    delay = call.fail_attempt(attempt, error("boom"))

    assert attempt.outcome is not None
    assert (row, verdict, load) == (
        attempt.outcome.name,
        attempt.outcome.verdict,
        attempt.outcome.load,
    )
    assert (get if method in IDEMPOTENT else post) == (delay is not None)
    assert int(verdict is F) == attempt.breaker.snapshot(clock()).failures
    assert 0 == attempt.target.load.in_flight  # there is no body
    call.close()
    assert at_rest(service)


MARKS: list[tuple[dict[str, Any], dict[str, Any], dict[str, str], bool]] = [
    # the service's settings, the call's options, headers, whether a POST is idempotent then
    ({}, {}, {}, False),
    ({}, {}, {"Idempotency-Key": "k"}, True),
    ({}, {"idempotent": True}, {}, True),
    ({"idempotent": True}, {}, {}, True),
    ({"idempotent": True}, {"idempotent": False}, {}, False),
    ({"idempotent": False}, {}, {"Idempotency-Key": "k"}, False),
    ({"retry": {"methods": ["POST"]}}, {}, {}, True),
]


@pytest.mark.parametrize(("settings", "options", "headers", "idempotent"), MARKS)
def test_mark_makes_idempotent(
    clock: FakeClock,
    settings: dict[str, Any],
    options: dict[str, Any],
    headers: dict[str, str],
    idempotent: bool,
) -> None:
    """The call says it before the service, the service before header and method."""
    service = service_of(clock, **settings)
    call, attempt = begun(service, "POST", options=CallOptions(**options), headers=headers)
    assert idempotent == (call.finish_attempt(attempt, httpx.Response(503)) is not None)
    call.close()


def test_cancelled_attempt_says_nothing(clock: FakeClock) -> None:
    """A cancellation counts neither for nor against the endpoint and frees everything."""
    service = service_of(clock)
    call, attempt = begun(service)
    call.close()
    seen = attempt.breaker.snapshot(clock())
    assert (0, 0, 0) == (seen.total, seen.failures, attempt.target.outlier.total)
    assert "cancelled" == getattr(attempt.outcome, "name", None)
    assert at_rest(service)


def test_configured_statuses_are_retried(clock: FakeClock) -> None:
    """`retry.statuses` replaces the statuses that are tried again."""
    service = service_of(clock, retry={"statuses": [500, 404]})
    for status, retried in ((500, True), (404, True), (503, False)):
        call, attempt = begun(service)
        assert retried == (call.finish_attempt(attempt, httpx.Response(status)) is not None)
        call.close()


def test_shed_load_does_not_open_by_streak(clock: FakeClock) -> None:
    """A service that sheds load answers: it is no endpoint that fails in a row."""
    service = service_of(clock, "http://a", breaker={"minimum_throughput": 100})
    for _ in range(20):
        call, attempt = begun(service)
        call.finish_attempt(attempt, httpx.Response(429))
        call.close()
    assert service.targets[0].breaker.closed
