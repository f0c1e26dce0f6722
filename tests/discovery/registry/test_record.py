"""What may be registered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.discovery.registry._record import check_id, check_service, parse_record, read_json

GOOD = {"url": "http://10.0.0.5:8080"}


def test_a_url_is_enough() -> None:
    """The rest has defaults, which are stored."""
    record = parse_record("a", GOOD)
    assert 15.0 == record.ttl
    assert {
        "id": "a",
        "url": "http://10.0.0.5:8080",
        "weight": 1.0,
        "priority": 0,
        "kind": "local",
        "metadata": {},
        "state": "up",
        "ttl": 15.0,
    } == json.loads(record.text)


def test_the_same_content_is_the_same_text() -> None:
    """The order of keys and the way a duration is written make no change."""
    one = {**GOOD, "ttl": "5s", "metadata": {"zone": "a", "version": "1"}}
    other = {"metadata": {"version": "1", "zone": "a"}, "ttl": 5, "weight": 1, **GOOD}
    assert parse_record("a", one) == parse_record("a", other)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("", []),
        ("", None),
        ("", "http://10.0.0.5"),
        ("url", {"url": None}),
        ("url", {"url": "10.0.0.5:8080"}),
        ("url", {"url": "http://u:p@10.0.0.5"}),
        ("url", {"url": "http://a/" + "x" * 2048}),
        ("url", {"url": "http://a/\ud800"}),
        ("weight", {"weight": 0}),
        ("weight", {"weight": "3"}),
        ("weight", {"weight": True}),
        ("weight", {"weight": 10**400}),
        ("priority", {"priority": -1}),
        ("priority", {"priority": 0.5}),
        ("priority", {"priority": 10**400}),
        ("kind", {"kind": ""}),
        ("kind", {"kind": "x" * 65}),
        ("kind", {"kind": "\udfff"}),
        ("metadata", {"metadata": "zone"}),
        ("metadata", {"metadata": {"zone": "\ud800"}}),
        ("metadata.zone", {"metadata": {"zone": ["a"]}}),
        ("ttl", {"ttl": 0.5}),
        ("ttl", {"ttl": "100ms"}),
        ("ttl", {"ttl": "25h"}),
        ("ttl", {"ttl": 10**400}),
        ("ttl", {"ttl": None}),
        ("ttl", {"ttl": "soon"}),
        ("state", {"state": "down"}),
        ("state", {"state": []}),
        ("wieght", {"wieght": 1}),
    ],
)
def test_what_is_wrong_is_named(field: str, change: Any) -> None:
    """The error's path is the field."""
    document = {**GOOD, **change} if isinstance(change, dict) else change
    with pytest.raises(ConfigurationError) as error:
        parse_record("a", document)
    assert field == error.value.path


@pytest.mark.parametrize("name", ["users", "Users", "user_profile", "a.b-c", "7", "x" * 253])
def test_names_of_services(name: str) -> None:
    """What can be a host is a name, and hosts have no case."""
    assert name.lower() == check_service(name)


@pytest.mark.parametrize("name", ["", ".", "-a", "a-", "a b", "a/b", "ü", "x" * 254, "a\n"])
def test_what_is_no_name_of_a_service(name: str) -> None:
    """It could not stand in a URL."""
    with pytest.raises(ConfigurationError, match="service"):
        check_service(name)


def test_ids() -> None:
    """What `register` makes up is one, and what could confuse a path is none."""
    assert "users-10.0.0.5-8080" == check_id("users-10.0.0.5-8080")
    assert "x" * 512 == check_id("x" * 512)
    for name in ("", "..", "a/b", "a b", "a\n", "ü", "x" * 513):
        with pytest.raises(ConfigurationError, match="id"):
            check_id(name)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b"9" * 5000,
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json(content: bytes) -> None:
    """Nothing but JSON in UTF-8 is read, and no key is dropped without a word."""
    with pytest.raises(ConfigurationError, match="JSON"):
        read_json(content)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(["url", "weight", "priority", "kind", "metadata", "ttl", "state", "x"])


@given(_JSON | st.dictionaries(_FIELDS, _JSON | st.just("http://a:1")))
def test_any_document_is_a_record_or_an_error(document: Any) -> None:
    """No document does anything else, and what is taken can be sent."""
    try:
        record = parse_record("a", document)
    except ConfigurationError:
        return
    json.loads(record.text.encode("ascii"))
    assert 1.0 <= record.ttl <= 86_400.0


@given(st.binary())
def test_any_bytes_are_json_or_an_error(content: bytes) -> None:
    """No body does anything else."""
    try:
        read_json(content)
    except ConfigurationError:
        pass
