"""The pieces of a body, and the headers of what no endpoint gave."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.faults import Fault, FaultInjector, FaultRule
from meshlib.transport._answering import answer, edited, shortened
from meshlib.transport._failures import BLOCKING, SUSPENDING, wire_error
from meshlib.transport._sdk import HTTPX
from meshlib.transport._shape import Shape


def drawn(**rule: Any) -> Fault:
    """The fault of one rule."""
    injector = FaultInjector([FaultRule.model_validate({"name": "x", **rule})])
    fault = injector.plan("users", "").decide(
        "attempt", endpoint="", method="GET", path="/", headers={}
    )
    assert fault is not None
    return fault


def pieces(chunk: bytes, **response: Any) -> list[tuple[float, bytes]]:
    """What *chunk* goes in."""
    return list(Shape(drawn(response=response)).pieces(chunk))


def test_chunks_have_a_size_and_a_delay() -> None:
    """The last one is what is left."""
    expected = [(2.0, b"ab"), (2.0, b"cd"), (2.0, b"e")]
    assert expected == pieces(b"abcde", chunk_size=2, chunk_delay=2)


def test_a_band_is_cut_into_tenths_of_a_second() -> None:
    """So that no read waits longer than the bytes that it gets."""
    assert [(0.1, b"aa"), (0.1, b"aa"), (0.05, b"a")] == pieces(b"aaaaa", bandwidth=20)
    assert [(0.1, b"aa")] * 2 == pieces(b"aaaa", bandwidth=20, chunk_size=100)
    assert [(0.05, b"a")] * 2 == pieces(b"aa", bandwidth=20, chunk_size=1)
    assert [(2.0, b"a")] * 2 == pieces(b"aa", bandwidth=0.5)


@given(st.lists(st.binary(max_size=30)), st.integers(1, 9), st.integers(1, 100))
def test_no_byte_is_lost(chunks: list[bytes], size: int, band: int) -> None:
    """However they are cut, and together they take what the band gives."""
    shape = Shape(drawn(response={"chunk_size": size, "bandwidth": band}))
    found = [piece for chunk in chunks for piece in shape.pieces(chunk)]
    whole = b"".join(chunks)
    assert whole == b"".join(piece for _, piece in found)
    assert len(whole) / band == pytest.approx(sum(seconds for seconds, _ in found))


def test_an_empty_chunk_has_no_pieces() -> None:
    """Nothing is waited for."""
    assert [] == pieces(b"", chunk_delay=1)


def test_the_end_is_that_of_the_error_before_that_of_the_body() -> None:
    """Whichever rule gave it."""
    assert 3 == Shape(drawn(response={"truncate": 3})).end
    assert 2 == Shape(drawn(abort={"error": "reset", "after": 2})).end
    assert Shape(drawn(delay={"fixed": 1})).changes_nothing


def test_a_status_says_when_it_was_given() -> None:
    """As a server does, beside the headers of the rule, which win."""
    headers = {"Date": "never", "x-a": "1"}
    fault = drawn(abort={"status": 503, "body": "é", "headers": headers, "retry_after": 0.5})
    response = answer(fault, httpx.Request("GET", "http://users/"), 0.0, HTTPX)
    assert [
        (b"date", b"never"),
        (b"content-length", b"2"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"retry-after", b"0.5"),
        (b"x-a", b"1"),
    ] == response.headers.raw
    plain = answer(drawn(abort={"status": 599}), httpx.Request("GET", "http://users/"), 0.0, HTTPX)
    assert "Thu, 01 Jan 1970 00:00:00 GMT" == plain.headers["date"]
    assert ("", False) == (plain.reason_phrase, plain.is_closed)


def test_headers_are_replaced_by_name() -> None:
    """In any case, all of one name, and those that are new come last."""
    raw = [(b"X-A", b"1"), (b"x-b", b"2"), (b"x-a", b"3")]
    assert [(b"x-b", b"2"), (b"x-a", b"9"), (b"x-c", b"4")] == edited(
        raw, {"x-a": "9", "X-B-": None, "x-c": "4"}
    )
    assert [(b"x-b", b"2")] == edited(raw, {"X-a": None})


def test_a_short_body_announces_no_more_than_it_has() -> None:
    """Where it announces a length at all."""
    assert [(b"content-length", b"3")] == shortened([(b"Content-Length", b"9")], 3, HTTPX)
    assert [(b"content-length", b"2")] == shortened([(b"Content-Length", b"2")], 3, HTTPX)
    assert [] == shortened([], 3, HTTPX)
    assert [(b"content-length", b"9")] == shortened([(b"content-length", b"9")], None, HTTPX)


def test_a_host_is_told_from_an_address() -> None:
    """OpenSSL has a code and words for each."""
    found = []
    for host in ("api.example", "127.0.0.1", "::1"):
        error = wire_error(HTTPX, BLOCKING, "tls_hostname", (host, 443))
        assert error.__cause__ is not None
        cause: Any = error.__cause__.__cause__
        found.append((cause.verify_code, cause.verify_message))
    assert [
        (62, "Hostname mismatch, certificate is not valid for 'api.example'."),
        (64, "IP address mismatch, certificate is not valid for '127.0.0.1'."),
        (64, "IP address mismatch, certificate is not valid for '::1'."),
    ] == found


async def test_an_address_of_ipv6_is_written_as_the_loop_does(anyio_backend: str) -> None:
    """With flow and scope."""
    error = wire_error(HTTPX, SUSPENDING, "unreachable", ("::1", 80))
    assert error.__cause__ is not None
    assert error.__cause__.__cause__ is not None
    text = str(error.__cause__.__cause__.__cause__)
    assert "('::1', 80, 0, 0)" in text
    assert ("Connect call failed" in text) == (anyio_backend == "asyncio")
