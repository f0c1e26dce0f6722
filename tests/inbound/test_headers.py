"""What each header says, and what is none."""

from __future__ import annotations

import pytest

from meshlib.inbound import Priority
from meshlib.inbound import _headers as headers


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({}, None),
        ({headers.TIMEOUT: b"300"}, 0.3),
        ({headers.TIMEOUT: b"0"}, 0.0),
        ({headers.TIMEOUT: b" 25 "}, 0.025),
        ({headers.TIMEOUT: b"300,200,500"}, 0.2),
        ({headers.TIMEOUT: b"-5"}, None),
        ({headers.TIMEOUT: b"1.5"}, None),
        ({headers.TIMEOUT: b"\xb2"}, None),
        ({headers.TIMEOUT: b""}, None),
        ({headers.TIMEOUT: b"9" * 16}, None),
        ({headers.GRPC_TIMEOUT: b"250m"}, 0.25),
        ({headers.GRPC_TIMEOUT: b"0n"}, 0.0),
        ({headers.GRPC_TIMEOUT: b"1S, 2m"}, 0.002),
        ({headers.GRPC_TIMEOUT: b"soon"}, None),
        ({headers.TIMEOUT: b"100", headers.GRPC_TIMEOUT: b"2S"}, 0.1),
        ({headers.TIMEOUT: b"3000", headers.GRPC_TIMEOUT: b"2S"}, 2.0),
        ({headers.TIMEOUT: b"x", headers.GRPC_TIMEOUT: b"2S"}, 2.0),
    ],
)
def test_time_left(said: headers.Found, seconds: float | None) -> None:
    """The nearer of both headers counts, and of each the nearest of its values."""
    assert seconds == headers.seconds_left(said)


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (None, 1),
        (b"1", 1),
        (b"3", 3),
        (b"2, 4,3", 4),
        (b"0", 1),
        (b"-3", 1),
        (b"two", 1),
        (b"9" * 500, 1_000_000),
    ],
)
def test_attempt(said: bytes | None, number: int) -> None:
    """The highest counts, what is none is a first attempt, and it is bounded."""
    assert number == headers.attempt_number({} if said is None else {headers.ATTEMPT: said})


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (None, None),
        (b"critical", Priority.CRITICAL),
        (b" Sheddable-Plus", Priority.SHEDDABLE_PLUS),
        (b"critical-plus,sheddable", Priority.SHEDDABLE),
        (b"critical-plus", Priority.CRITICAL_PLUS),
        (b"urgent", None),
        (b"urgent,sheddable", Priority.SHEDDABLE),
    ],
)
def test_priority(said: bytes | None, found: Priority | None) -> None:
    """By its name in any case; of several the lowest."""
    assert found is headers.priority({} if said is None else {headers.PRIORITY: said})


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (b"7f3c-ab", "7f3c-ab"),
        (b"a" * 128, "a" * 128),
        (b"a" * 129, None),
        (b"", None),
        (b"a b", None),
        (b"a,b", None),
        (b"a;1", None),
        (b"a\nb", None),
        (b"\xe9", None),
        (None, None),
    ],
)
def test_request_id(said: bytes | None, found: str | None) -> None:
    """Bounded and plain, so that it can stand in logs and in other headers."""
    assert found == headers.request_id({} if said is None else {headers.REQUEST_ID: said})


@pytest.mark.parametrize(
    ("said", "found"),
    [(b"acme", "acme"), (b"a,b", None), (b"a;b", None), (b"a b", None), (b"x" * 129, None)],
)
def test_tenant(said: bytes, found: str | None) -> None:
    """One name; two that were given are none."""
    assert found == headers.tenant({headers.TENANT: said})


def test_known_headers_when_one_is_repeated() -> None:
    """It is one header with commas, and what nobody asks for is not kept."""
    pairs = [(b"x-request-id", b"a"), (b"cookie", b"c"), (b"x-request-id", b"b")]
    assert {b"x-request-id": b"a,b"} == headers.known_headers(pairs)
