"""Log lines for changes of state, and for nothing else."""

from __future__ import annotations

import json
import logging

import httpx
import pytest

from meshlib import Endpoint, MeshClient
from meshlib.events import (
    AttemptFinished,
    BreakerChanged,
    ConfigurationApplied,
    ConfigurationRejected,
    DiscoveryFailed,
    EndpointEjected,
    EndpointReadmitted,
    EndpointsChanged,
    Event,
    LoopStalled,
    PanicChanged,
    RetryGuardChanged,
)
from meshlib.telemetry import StateLog
from support import FakeClock

HERE = Endpoint("http://10.0.0.1:80")
THERE = Endpoint("http://10.0.0.2:80")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the logger of meshlib says, from INFO up."""
    caplog.set_level(logging.INFO, logger="meshlib")
    return caplog


def changed(new: str, *, shadow: bool = False, cause: object = 503) -> BreakerChanged:
    """A breaker that enters *new*."""
    return BreakerChanged(
        service="users", endpoint=HERE, old="old", new=new, cause=cause, shadow=shadow
    )


def ejected(*, shadow: bool) -> EndpointEjected:
    """An endpoint that does worse than its peers."""
    return EndpointEjected(
        service="users", endpoint=HERE, reason="success rate", duration=30.0, shadow=shadow
    )


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (
            changed("open"),
            logging.WARNING,
            "users: breaker of http://10.0.0.1:80: old -> open (503)",
        ),
        (
            changed("isolated"),
            logging.WARNING,
            "users: breaker of http://10.0.0.1:80: old -> isolated (503)",
        ),
        (
            changed("half_open"),
            logging.INFO,
            "users: breaker of http://10.0.0.1:80: old -> half_open (503)",
        ),
        (
            changed("closed"),
            logging.INFO,
            "users: breaker of http://10.0.0.1:80: old -> closed (503)",
        ),
        (
            changed("open", shadow=True),
            logging.INFO,
            "users: breaker of http://10.0.0.1:80, in shadow: old -> open (503)",
        ),
        (
            ejected(shadow=False),
            logging.WARNING,
            "users: http://10.0.0.1:80 is ejected for 30.0 s: success rate",
        ),
        (
            ejected(shadow=True),
            logging.INFO,
            "users: http://10.0.0.1:80 would be ejected for 30.0 s: success rate",
        ),
        (
            EndpointReadmitted(service="users", endpoint=HERE),
            logging.INFO,
            "users: http://10.0.0.1:80 is readmitted",
        ),
        (
            PanicChanged(service="users", priority=1, active=True),
            logging.WARNING,
            "users: priority 1 is in panic: health is ignored",
        ),
        (
            PanicChanged(service="users", priority=1, active=False),
            logging.INFO,
            "users: priority 1 leaves panic",
        ),
        (
            RetryGuardChanged(service="users", active=True),
            logging.WARNING,
            "users: retries are withheld: they get no calls through, and feed an overload",
        ),
        (
            RetryGuardChanged(service="users", active=False),
            logging.INFO,
            "users: retries are made again",
        ),
        (
            EndpointsChanged(service="users", added=(HERE, THERE), removed=(), total=2),
            logging.INFO,
            (
                "users: endpoints changed: http://10.0.0.1:80, http://10.0.0.2:80 added, "
                "none removed, 2 in all"
            ),
        ),
        (
            DiscoveryFailed(service="users", source="dns", error=OSError("gone"), age=3.0),
            logging.WARNING,
            "users: discovery by dns failed: OSError: gone",
        ),
        (
            ConfigurationApplied(changed=("orders", "users"), version=3),
            logging.INFO,
            "configuration 3 applied; changed: orders, users",
        ),
        (
            ConfigurationRejected(error=ValueError("bad")),
            logging.ERROR,
            "configuration refused: ValueError: bad",
        ),
    ],
)
def test_changes_are_told(
    event: Event, level: int, text: str, lines: pytest.LogCaptureFixture
) -> None:
    """What takes endpoints away is a warning, what a person must mend an error."""
    StateLog()(event)
    (record,) = lines.records
    assert (level, text) == (record.levelno, record.getMessage())
    assert "meshlib" == record.name


def test_a_record_has_the_fields_of_its_event(lines: pytest.LogCaptureFixture) -> None:
    """For structured output: plain values, with names that nothing else has."""
    StateLog()(changed("open", cause=httpx.ReadError("reset")))
    record = lines.records[0].__dict__
    told = {name: value for name, value in record.items() if name.startswith("mesh_")}
    assert {
        "mesh_event": "BreakerChanged",
        "mesh_service": "users",
        "mesh_endpoint": "http://10.0.0.1:80",
        "mesh_old": "old",
        "mesh_new": "open",
        "mesh_cause": "ReadError: reset",
        "mesh_shadow": False,
    } == json.loads(json.dumps(told))


def test_messages_do_not_vary_with_what_they_tell(lines: pytest.LogCaptureFixture) -> None:
    """Log stores group by the message before it is filled in."""
    log = StateLog()
    log(changed("open", cause=503))
    log(changed("closed", cause=None))
    first, second = lines.records
    assert first.msg == second.msg


def test_long_lists_are_cut_for_readers_only(lines: pytest.LogCaptureFixture) -> None:
    """Ten endpoints are named, the fields have them all."""
    added = tuple(Endpoint(f"http://10.0.0.{number}:80") for number in range(12))
    StateLog()(EndpointsChanged(service="users", added=added, removed=(), total=12))
    (record,) = lines.records
    assert "http://10.0.0.9:80 and 2 more added" in record.getMessage()
    assert "10.0.0.10" not in record.getMessage()
    assert [endpoint.address for endpoint in added] == record.__dict__["mesh_added"]


def test_single_calls_are_not_told(lines: pytest.LogCaptureFixture) -> None:
    """An attempt writes no line, whatever its outcome."""
    event = AttemptFinished(
        service="users",
        endpoint=HERE,
        number=1,
        outcome="broken",
        status=None,
        error=OSError(),
        elapsed=0.1,
        fault=None,
    )
    StateLog()(event)
    assert not lines.records


def test_a_list_that_stays_is_not_told(lines: pytest.LogCaptureFixture) -> None:
    """A source that says again what it said changes nothing."""
    StateLog()(EndpointsChanged(service="users", added=(), removed=(), total=2))
    assert not lines.records


def test_the_same_failure_is_told_once_a_minute(
    lines: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    """A source that is retried often does not fill the log, and another error is told."""
    log = StateLog(clock=clock)

    def told_after(text: str, service: str = "users") -> int:
        log(DiscoveryFailed(service=service, source="dns", error=OSError(text), age=None))
        return len(lines.records)

    assert 1 == told_after("gone")
    clock.advance(59)
    assert 1 == told_after("gone")
    assert 2 == told_after("gone", "orders")
    assert 3 == told_after("refused")
    clock.advance(59)
    assert 3 == told_after("refused")
    clock.advance(1)
    assert 4 == told_after("refused")
    clock.advance(-3600)
    assert 5 == told_after("refused")


def test_credentials_are_not_logged(lines: pytest.LogCaptureFixture) -> None:
    """Neither in the message nor in the fields."""
    error = ValueError("http://user:pass@consul/v1?token=abc is no endpoint")
    StateLog()(DiscoveryFailed(service="users", source="consul", error=error, age=None))
    StateLog()(ConfigurationRejected(error=error))
    StateLog()(changed("open", cause=error))
    for record in lines.records:
        told = record.getMessage() + repr(record.__dict__)
        assert "pass@" not in told
        assert "abc" not in told
    assert 3 == len(lines.records)


def test_nothing_is_formatted_when_nobody_reads(caplog: pytest.LogCaptureFixture) -> None:
    """Below its level the event is not even looked at, nor remembered as told."""
    caplog.set_level(logging.ERROR, logger="meshlib")

    class UnreadableError(Exception):
        def __str__(self) -> str:
            raise AssertionError("formatted")

    log = StateLog()
    failure = DiscoveryFailed(service="users", source="dns", error=UnreadableError(), age=None)
    log(changed("open", cause=UnreadableError()))
    log(failure)
    assert not caplog.records
    caplog.set_level(logging.WARNING, logger="meshlib")
    log(failure)
    assert 1 == len(caplog.records)


def test_a_mesh_logs_its_changes_and_no_calls(lines: pytest.LogCaptureFixture) -> None:
    """End to end: the endpoints at the start, then the breaker that opens, and what follows."""
    service = {
        "endpoints": [HERE.url],
        "breaker": {"consecutive_failures": 2},
        "retry": False,
    }
    transport = httpx.MockTransport(lambda request: httpx.Response(503))
    with MeshClient("shop", services={"users": service}, transport=transport) as client:
        for _ in range(2):
            client.get("users", "/")
    told = [record.getMessage() for record in lines.records if record.name == "meshlib"]
    assert {
        "users: endpoints changed: http://10.0.0.1:80 added, none removed, 1 in all",
        "users: priority 0 is in panic: health is ignored",
        "users: breaker of http://10.0.0.1:80: closed -> open (503)",
    } == set(told)
    assert 3 == len(told)


def test_a_loop_that_stands_still_is_told_of_once_a_minute(
    lines: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    """It may do so several times a second; from a tenth of one it is a warning."""
    log = StateLog(clock=clock)
    for seconds in (0.0, 1.0, 60.0):
        clock.advance(seconds)
        log(LoopStalled(duration=0.2))
        log(LoopStalled(duration=0.06))
    told = [record.getMessage() for record in lines.records if record.levelname == "WARNING"]
    about = "an event loop stood still for 0.200 s while calls were in flight: something blocks it"
    assert [about] * 2 == told
    assert ["WARNING", "INFO"] * 2 == [record.levelname for record in lines.records]
