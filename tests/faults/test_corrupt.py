"""Bodies that are made wrong."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.faults import Corruption, corrupt, corrupt_bytes

JSON = {"content-type": "application/json"}
BODY: dict[str, Any] = {"id": 7, "items": [{"price": 1, "n": "ä"}, {"price": 2}], "on": True}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def received(
    corruption: Corruption, content: bytes, headers: dict[str, str] | None = None
) -> httpx.Response:
    """The response as an application has it, of a body that was made wrong."""
    headers = JSON if headers is None else headers
    bad, changes = corrupt([corruption], content, headers)
    said = {**headers, **changes}
    kept = {name: value for name, value in said.items() if value is not None}
    return httpx.Response(200, headers=kept, stream=httpx.ByteStream(bad))


@given(VALUES, st.sampled_from(["", " ", "\n\n"]))
@settings(deadline=None)
def test_no_json_is_left_of_any(value: object, end: str) -> None:
    """Whatever the body was, it is no longer JSON, and still text."""
    response = received(Corruption("json"), (json.dumps(value) + end).encode())
    response.read()
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_an_empty_body_is_no_json_either() -> None:
    """Nothing was none before, and is none afterwards."""
    assert (b"<", {}) == corrupt([Corruption("json")], b"", {})


@pytest.mark.parametrize(
    ("path", "said", "expected"),
    [
        (("id",), {}, {**BODY, "id": None}),
        (("id",), {"value": "x"}, {**BODY, "id": "x"}),
        (("id",), {"remove": True}, {"items": BODY["items"], "on": True}),
        (
            ("items", 0, "price"),
            {"value": -1},
            {**BODY, "items": [{"price": -1, "n": "ä"}, {"price": 2}]},
        ),
        (
            ("items", "*", "price"),
            {"remove": True},
            {**BODY, "items": [{"n": "ä"}, {}]},
        ),
        (("items", "*"), {"remove": True}, {**BODY, "items": []}),
        (("items", 1), {"remove": True}, {**BODY, "items": BODY["items"][:1]}),
        (("*",), {"value": 0}, {"id": 0, "items": 0, "on": 0}),
        (("name",), {"value": 0}, BODY),
        (("items", 2), {"value": 0}, BODY),
        (("items", "price"), {"value": 0}, BODY),
        (("id", "x"), {"value": 0}, BODY),
    ],
)
def test_field_is_replaced_or_removed(
    path: tuple[str | int, ...], said: dict[str, Any], expected: Any
) -> None:
    """The rest of the body stays, and so does one without such a field."""
    response = received(Corruption("field", path=path, **said), json.dumps(BODY).encode())
    response.read()
    assert expected == response.json()


def test_what_is_no_json_has_no_fields() -> None:
    """Such a body is left alone."""
    assert (b"<p>", {}) == corrupt([Corruption("field", path=("a",))], b"<p>", {})


ENCODED = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", lambda data: zlib.compress(data)[2:-4]),
    ("identity", bytes),
]


@pytest.mark.parametrize(("encoding", "compress"), ENCODED)
def test_field_of_a_compressed_body_is_found(encoding: str, compress: Any) -> None:
    """It is uncompressed for that, and then says no more that it is compressed."""
    headers = {**JSON, "content-encoding": encoding}
    content = compress(json.dumps(BODY).encode())
    response = received(Corruption("field", path=("id",), value=8), content, headers)
    response.read()
    assert {**BODY, "id": 8} == response.json()


def test_compressed_body_that_stays_is_as_it_was() -> None:
    """Without such a field not even the compression changes."""
    content = gzip.compress(b"{}")
    headers = {"content-encoding": "gzip"}
    assert (content, {}) == corrupt([Corruption("field", path=("a",))], content, headers)


@pytest.mark.parametrize("encoding", ["br", "gzip", "gzip, br"])
def test_body_that_cannot_be_uncompressed_is_left_alone(encoding: str) -> None:
    """What nobody here can read stays."""
    headers = {"content-encoding": encoding}
    assert (b"\x00\x01", {}) == corrupt([Corruption("json")], b"\x00\x01", headers)


@pytest.mark.parametrize("encoding", [None, "gzip", "br"])
def test_no_gzip_is_left(encoding: str | None) -> None:
    """The body says that it is gzip, and whoever reads it fails."""
    content = gzip.compress(b"hello") if encoding == "gzip" else b"hello"
    headers = {} if encoding is None else {"content-encoding": encoding}
    response = received(Corruption("gzip"), content, headers)
    assert "gzip" == response.headers["content-encoding"]
    with pytest.raises(httpx.DecodingError, match="incorrect header check"):
        response.read()


def test_a_file_that_is_gzip_is_not_taken_for_good() -> None:
    """A download is spoiled, though it would have fitted the header it gets."""
    with pytest.raises(httpx.DecodingError):
        received(Corruption("gzip"), gzip.compress(b"hello"), {}).read()


def test_no_body_is_no_gzip() -> None:
    """An empty body has no compression."""
    assert (b"", {}) == corrupt([Corruption("gzip")], b"", {})


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/plain", "utf-8"),
        ("text/plain; charset=latin-1", "latin-1"),
        ('text/plain; x=1; Charset="latin-1"', "latin-1"),
        ("text/plain; charset=unheard-of", "utf-8"),
        ("text/plain; charset=idna; x", "utf-8"),
        ("text/plain; charset=a\0b", "utf-8"),
    ],
)
def test_charset_is_another_than_the_header_says(content_type: str, encoding: str) -> None:
    """The text is the same in another encoding, so that whoever believes reads rubbish."""
    headers = {"content-type": content_type}
    corruption = Corruption("charset", charset="utf-16-le")
    bad, changes = corrupt([corruption], "Größe".encode(encoding), headers)
    assert ({}, "Größe") == (changes, bad.decode("utf-16-le"))


def test_charset_without_effect_changes_nothing() -> None:
    """A text that is the same in both encodings stays, compressed as it was."""
    content = gzip.compress(b"abc")
    corruption = Corruption("charset", charset="latin-1")
    headers = {"content-encoding": "gzip"}
    assert (content, {}) == corrupt([corruption], content, headers)


def test_corruptions_act_one_after_the_other() -> None:
    """Each finds what the one before has left, its headers too."""
    wrong = [Corruption("field", path=("a",), value=2), Corruption("gzip")]
    content = gzip.compress(b'{"a": 1}')
    assert (b'{"a": 2}', {"content-encoding": "gzip"}) == corrupt(
        wrong, content, {"content-encoding": "gzip"}
    )


@given(
    st.binary(max_size=10_000),
    st.lists(st.integers(1, 5000), max_size=6),
    st.integers(0, 2**64 - 1),
    st.sampled_from([0.001, 0.1, 1.0]),
)
@settings(deadline=None, max_examples=25)
def test_wrong_bytes_do_not_depend_on_the_chunks(
    body: bytes, sizes: list[int], seed: int, rate: float
) -> None:
    """However a body is cut, the same of its bytes are wrong."""
    corruption = Corruption("bytes", rate=rate, seed=seed)
    whole, changes = corrupt([corruption], body, {})
    parts, offset = [], 0
    for size in [*sizes, len(body)]:
        chunk = body[offset : offset + size]
        parts.append(corrupt_bytes(corruption, chunk, offset))
        offset += len(chunk)
    assert (whole, {}) == (b"".join(parts), changes)


def test_bytes_are_wrong_at_their_rate() -> None:
    """Within three standard errors, and at rate 1 not one of them is right."""
    body = bytes(20_000)
    some = corrupt_bytes(Corruption("bytes", rate=0.05, seed=1), body, 0)
    share = sum(byte != 0 for byte in some) / len(body)
    assert 0.05 == pytest.approx(share, abs=3 * (0.05 * 0.95 / 20_000) ** 0.5)
    assert 0 not in corrupt_bytes(Corruption("bytes", rate=1.0, seed=1), body, 0)
