"""The JSON of the gateway, as it comes over the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import DiscoveryError
from meshlib.discovery.etcd import _wire
from meshlib.discovery.etcd._errors import refusal
from meshlib.discovery.etcd._wire import Lines, decode, encode, int64, mapping, parse, sequence


@given(
    lines=st.lists(st.binary(min_size=1).filter(lambda b: b"\n" not in b and b.strip())),
    cuts=st.lists(st.integers(min_value=1, max_value=50)),
)
def test_lines_come_whole_however_they_are_cut(lines: list[bytes], cuts: list[int]) -> None:
    """Chunks may end anywhere; empty lines are none."""
    data = b"\n\n".join([*lines, b""])
    found, reader = [], Lines()
    for size in cuts:
        found += reader.feed(data[:size])
        data = data[size:]
    found += reader.feed(data)
    assert lines == found


def test_a_line_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never ends must not fill the memory; lines before it do not count."""
    monkeypatch.setattr(_wire, "_LONGEST", 10)
    reader = Lines()
    for _ in range(3):
        assert [b"123456789"] == reader.feed(b"12345") + reader.feed(b"6789\n")
    reader.feed(b"123456789")
    with pytest.raises(DiscoveryError, match="at most 10 bytes"):
        reader.feed(b"0a")


@given(st.binary())
def test_bytes_are_base64(value: bytes) -> None:
    """What is written is what is read."""
    assert value == decode(encode(value), "a key")


def test_what_is_left_out_is_zero() -> None:
    """The gateway leaves out what is empty, zero or false."""
    assert (b"", 0, {}, []) == (
        decode(None, "w"),
        int64(None, "w"),
        mapping(None, "w"),
        sequence(None, "w"),
    )


def test_numbers_are_texts() -> None:
    """An int64 is a text, for the sake of JavaScript; a number does as well."""
    assert 2**63 - 1 == int64(str(2**63 - 1), "n")
    assert 7 == int64(7, "n")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (decode, "%%"),
        (decode, 1),
        (int64, "x"),
        (int64, True),
        (int64, 1.5),
        (int64, "9" * 5000),
        (mapping, []),
        (sequence, {}),
    ],
)
def test_other_types_are_refused(read: Any, value: Any) -> None:
    """The error names what was expected, and what came."""
    with pytest.raises(DiscoveryError, match=f"the thing is .*, not {str(value)[:1]!r:.0}"):
        read(value, "the thing")


@pytest.mark.parametrize("line", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5000])
def test_what_is_no_json_is_refused(line: bytes) -> None:
    """Nothing but DiscoveryError, however deep or long."""
    with pytest.raises(DiscoveryError, match="JSON is needed"):
        parse(line)


@pytest.mark.parametrize(
    ("status", "document", "code", "message"),
    [
        (400, {"error": "no", "message": "no", "code": 3}, 3, "no"),
        (503, {"code": 14, "message": "no leader", "details": []}, 14, "no leader"),
        (200, {"error": {"grpc_code": 14, "http_code": 503, "message": "gone"}}, 14, "gone"),
        (200, {"error": {"code": 16, "message": "who"}}, 16, "who"),
        (200, {"error": "no", "code": 5}, 5, "no"),
        (502, None, 14, "HTTP 502 in place of JSON: the body"),
        (429, {"message": 1, "code": 1}, 14, "HTTP 429 in place of JSON: the body"),
        (404, ["x"], 12, "HTTP 404 in place of JSON: the body"),
        (401, None, 16, "HTTP 401 in place of JSON: the body"),
    ],
)
def test_errors_of_all_versions_are_read(
    status: int, document: Any, code: int, message: str
) -> None:
    """Of etcd 3.4 and of later ones, within a stream and without, and of proxies."""
    error = refusal(status, document, b"the body")
    assert (code, message) == (error.code, str(error))
    assert (code == 14) == error.elsewhere
    assert (code == 16) == error.wants_token


@pytest.mark.parametrize(
    "message", ["etcdserver: user name is empty", "etcdserver: revision of auth store is old"]
)
def test_a_new_token_may_help(message: str) -> None:
    """etcd calls these invalid arguments, as it does much else."""
    assert refusal(400, {"message": message, "code": 3}).wants_token
