"""What each status and error means."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib._models import (
    BROKEN,
    CALLER_ERROR,
    CANCELLED,
    NEVER_SENT,
    OVERLOADED,
    SERVER_ERROR,
    SUCCESS,
    TRANSIENT,
    UNAVAILABLE,
    OutcomeClass,
    Retryable,
    Verdict,
)
from meshlib.retry import RETRYABLE, Classifier


class WireError(Exception):
    """Base of what a wire raises here."""


class ConnectFailedError(WireError):
    """Nothing was sent."""


class ConnectTimedOutError(ConnectFailedError):
    """A kind of it that the table does not name."""


ERRORS: dict[type[BaseException], OutcomeClass] = {
    WireError: BROKEN,
    ConnectFailedError: NEVER_SENT,
}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (100, SUCCESS),
        (101, SUCCESS),
        (200, SUCCESS),
        (304, SUCCESS),
        (404, SUCCESS),
        (407, SUCCESS),
        (408, TRANSIENT),
        (409, SUCCESS),
        (424, SUCCESS),
        (425, TRANSIENT),
        (426, SUCCESS),
        (428, SUCCESS),
        (429, OVERLOADED),
        (430, SUCCESS),
        (499, SUCCESS),
        (500, SERVER_ERROR),
        (501, SERVER_ERROR),
        (502, UNAVAILABLE),
        (503, UNAVAILABLE),
        (504, UNAVAILABLE),
        (505, SERVER_ERROR),
        (599, SERVER_ERROR),
    ],
)
def test_status_class_when_defaults(code: int, expected: OutcomeClass) -> None:
    """Each status has the class that the outcome table gives it."""
    classifier = Classifier({})
    assert expected is classifier.by_status[code]
    assert expected is classifier.status(code, retry_after=False)


@pytest.mark.parametrize("code", [-1, 0, 1, 99, 600, 999, 1000, 10**9])
def test_invalid_status_is_a_server_error(code: int) -> None:
    """RFC 9110 has an invalid status processed as a 5xx, even when it was configured."""
    classifier = Classifier({}, frozenset({0, 99, 600, 999}))
    assert SERVER_ERROR is classifier.status(code, retry_after=False)


def test_table_covers_every_status_a_wire_can_parse() -> None:
    """Three digits never run off the table."""
    assert SERVER_ERROR is Classifier({}).by_status[999]


@pytest.mark.parametrize("retry_after", [True, False])
def test_429_is_overloaded_always(retry_after: bool) -> None:
    """A 429 says that nothing was processed, with or without a hint."""
    assert OVERLOADED is Classifier({}, frozenset()).status(429, retry_after=retry_after)


def test_503_is_overloaded_when_it_says_when_to_come_back() -> None:
    """Only a hint tells shedding from being broken, configured or not."""
    assert OVERLOADED is Classifier({}).status(503, retry_after=True)
    assert OVERLOADED is Classifier({}, frozenset()).status(503, retry_after=True)


@given(st.integers(0, 999).filter(lambda code: code != 503))
@settings(deadline=None)
def test_hint_changes_no_other_status(code: int) -> None:
    """Retry-After on any other status is not a class of its own."""
    classifier = Classifier({})
    assert classifier.by_status[code] is classifier.status(code, retry_after=True)


def test_5xx_is_retryable_only_when_configured() -> None:
    """Which 5xx are tried again is a setting; all of them are failures of the endpoint."""
    classifier = Classifier({}, frozenset({500}))
    assert UNAVAILABLE is classifier.by_status[500]
    assert SERVER_ERROR is classifier.by_status[502]
    assert SERVER_ERROR is classifier.by_status[503]


def test_configured_4xx_is_retryable_and_a_success() -> None:
    """Trying a 409 again is the caller's wish and says nothing against the endpoint."""
    found = Classifier({}, frozenset({409})).by_status[409]
    assert RETRYABLE is found
    assert Verdict.SUCCESS is found.verdict
    assert Retryable.IDEMPOTENT is found.retryable


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (WireError(), BROKEN),
        (ConnectFailedError(), NEVER_SENT),
        (ConnectTimedOutError(), NEVER_SENT),
        (ValueError(), CALLER_ERROR),
        (ExceptionGroup("several", [WireError()]), CALLER_ERROR),
        (asyncio.CancelledError(), CANCELLED),
        (KeyboardInterrupt(), CANCELLED),
        (GeneratorExit(), CANCELLED),
    ],
)
def test_error_class_is_the_nearest_named(error: BaseException, expected: OutcomeClass) -> None:
    """The nearest named base decides; cancellation and the caller's mistakes are neutral."""
    classifier = Classifier(ERRORS)
    assert expected is classifier.error(error)
    assert expected is classifier.error(error)


def test_error_may_name_what_is_no_exception() -> None:
    """A cancellation that is named is what its name says."""
    assert BROKEN is Classifier({asyncio.CancelledError: BROKEN}).error(asyncio.CancelledError())


def test_error_table_is_read_once_per_type() -> None:
    """The walk along the bases is made once for a type; types may be added to the table."""
    table = dict(ERRORS)
    classifier = Classifier(table)
    assert NEVER_SENT is classifier.error(ConnectTimedOutError())
    added = type("AddedError", (Exception,), {})
    table[added] = NEVER_SENT
    assert NEVER_SENT is classifier.error(added())
    table.clear()
    assert NEVER_SENT is classifier.error(ConnectTimedOutError())
    assert NEVER_SENT is classifier.error(added())


def test_error_cache_is_bounded_when_types_are_made_at_run_time() -> None:
    """Types made for each error do not fill the memory, and are classified all the same."""
    classifier = Classifier(ERRORS)
    for number in range(300):
        kind = type(f"Made{number}Error", (ConnectFailedError,), {})
        assert NEVER_SENT is classifier.error(kind())
    assert 256 == len(classifier._cache)
