"""Log lines for changes of state, and for nothing else."""

from __future__ import annotations

import logging

import pytest

from meshlib import Endpoint
from meshlib._events import (
    AttemptFinished,
    BreakerChanged,
    ConfigurationApplied,
    DiscoveryFailed,
    EndpointsChanged,
    PanicChanged,
)
from meshlib.telemetry import StateLog
from support import FakeClock

HERE = Endpoint("http://10.0.0.1:80")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the logger of meshlib says, from INFO up."""
    caplog.set_level(logging.INFO, logger="meshlib")
    return caplog


def changed(new: str) -> BreakerChanged:
    """A breaker that enters *new*."""
    return BreakerChanged(service="users", endpoint=HERE, old="open", new=new, cause=503)


def test_an_opening_breaker_is_a_warning(lines: pytest.LogCaptureFixture) -> None:
    """It is told with service, endpoint, states and cause, as text and as fields."""
    StateLog()(changed("open"))
    (record,) = lines.records
    assert logging.WARNING == record.levelno
    assert "users: breaker of http://10.0.0.1:80: open -> open (503)" == record.getMessage()
    assert ("BreakerChanged", "users", "open") == (
        record.__dict__["mesh_event"],
        record.__dict__["mesh_service"],
        record.__dict__["mesh_new"],
    )


def test_a_closing_breaker_is_no_warning(lines: pytest.LogCaptureFixture) -> None:
    """A recovery is told as information."""
    StateLog()(changed("closed"))
    assert [logging.INFO] == [record.levelno for record in lines.records]


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


def test_lists_are_named(lines: pytest.LogCaptureFixture) -> None:
    """Endpoints by address, services by name, and nothing as `none`."""
    log = StateLog()
    log(EndpointsChanged(service="users", added=(HERE,), removed=(), total=1))
    log(ConfigurationApplied(changed=("orders", "users")))
    log(PanicChanged(service="users", priority=0, active=True))
    assert [
        "users: endpoints changed: http://10.0.0.1:80 added, none removed",
        "configuration applied; changed: orders, users",
        "users: panic of priority 0: True",
    ] == [record.getMessage() for record in lines.records]


def test_the_same_failure_is_told_once_a_minute(
    lines: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    """A source that is retried often does not fill the log, and another error is told."""
    log = StateLog(clock=clock)

    def fail(text: str) -> None:
        log(DiscoveryFailed(service="users", source="dns", error=OSError(text), age=None))

    fail("gone")
    fail("gone")
    assert 1 == len(lines.records)
    fail("refused")
    assert 2 == len(lines.records)
    clock.advance(61)
    fail("refused")
    assert 3 == len(lines.records)


def test_nothing_is_formatted_when_nobody_reads(caplog: pytest.LogCaptureFixture) -> None:
    """Below its level the event is not even looked at."""
    caplog.set_level(logging.CRITICAL, logger="meshlib")

    class Unreadable:
        def __str__(self) -> str:
            raise AssertionError("formatted")

    StateLog()(
        BreakerChanged(service="users", endpoint=HERE, old="a", new="open", cause=Unreadable())
    )
    assert not caplog.records
