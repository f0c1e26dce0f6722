"""How servers say when to come back."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.retry import server_hint

# Sun, 06 Nov 1994 08:49:37 GMT, the example date of RFC 9110.
INSTANT = 784111777.0


def hint(headers: dict[str, str], now: float = INSTANT - 30.0) -> float | None:
    """Read the hint of *headers* through httpx's own mapping, at *now*."""
    return server_hint(httpx.Headers(headers), lambda: now)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("2", 2.0),
        ("120", 120.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("3.", 3.0),
        (" 7 ", 7.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 30.0),
        ("Sun Nov  6 08:49:37 1994", 30.0),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 30.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 30.0),
    ],
)
def test_reads_retry_after(text: str, seconds: float) -> None:
    """Seconds, and the three forms of an HTTP-date."""
    assert seconds == hint({"Retry-After": text})


def test_date_is_now_when_it_has_passed() -> None:
    """A wait is never negative."""
    headers = {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}
    assert 0.0 == hint(headers, INSTANT + 5.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-1",
        "+1",
        "nan",
        "inf",
        "1e3",
        "1_000",
        "9" * 400,
        "\u0663",
        "5, 5",
        ".",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 +999999999",
    ],
)
def test_garbage_is_no_hint(text: str) -> None:
    """What cannot be read is as if it had not been sent, in every header."""
    assert server_hint({"retry-after": text}, lambda: 0.0) is None
    assert server_hint({"retry-after-ms": text}, lambda: 0.0) is None
    assert server_hint({"x-ratelimit-reset": text}, lambda: 0.0) is None


def test_no_header_is_no_hint() -> None:
    """Most responses ask for nothing, and the clock is not read for them."""
    assert server_hint({}, lambda: pytest.fail("the clock was read")) is None


def test_milliseconds_win() -> None:
    """The finer header is the one that was meant."""
    assert 0.25 == hint({"retry-after-ms": "250", "Retry-After": "1"})


def test_next_header_counts_when_one_is_garbage() -> None:
    """Each way is tried in turn."""
    assert 4.0 == hint({"retry-after-ms": "x", "Retry-After": "4"})
    assert 5.0 == hint({"Retry-After": "x", "X-RateLimit-Reset": "5"})


def test_retry_after_wins_over_rate_limit() -> None:
    """Retry-After speaks of this response."""
    assert 1.0 == hint({"Retry-After": "1", "X-RateLimit-Reset": "9"})
    assert 0.0 == hint({"Retry-After": "0", "X-RateLimit-Reset": "9"})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("12", 12.0),
        ("999999999", 999999999.0),
        ("1700000012", 12.0),
        ("1700000012.5", 12.5),
        ("1700000012000", 12.0),
        ("1000000000", 0.0),
        ("1699999999", 0.0),
    ],
)
def test_reads_rate_limit_reset(text: str, seconds: float) -> None:
    """Small numbers are waits, large ones seconds or milliseconds since the epoch."""
    assert seconds == hint({"X-RateLimit-Reset": text}, 1700000000.0)


@pytest.mark.parametrize(("remaining", "expected"), [("5", None), ("0", 3.0), ("?", 3.0)])
def test_rate_limit_is_no_hint_when_requests_remain(remaining: str, expected: float | None) -> None:
    """A reset that is sent with every response says nothing about a 502."""
    headers = {"X-RateLimit-Reset": "3", "X-RateLimit-Remaining": remaining}
    assert expected == hint(headers)


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset"]),
        st.text(max_size=40) | st.floats().map(str) | st.integers().map(str),
    ),
    st.floats(0, 4e9),
)
@settings(deadline=None)
def test_any_header_is_a_wait_or_nothing(headers: dict[str, str], now: float) -> None:
    """Whatever a server sends neither raises nor asks for negative or endless waits."""
    seconds = server_hint(headers, lambda: now)
    assert seconds is None or 0.0 <= seconds < float("inf")
