"""From answers to endpoints."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery.registry import _parse
from meshlib.discovery.registry._parse import parse_answer, parse_text

REAL: dict[str, Any] = {
    "service": "users",
    "epoch": "9aba295b1adfd9fb",
    "revision": 2,
    "cursor": "9aba295b1adfd9fb.2.ffe106aa",
    "instances": [
        {
            "id": "a",
            "url": "http://127.0.0.1:1",
            "weight": 3.0,
            "priority": 1,
            "kind": "edge",
            "metadata": {"zone": "a"},
            "state": "up",
            "ttl": 15.0,
        },
        {"id": "b", "url": "https://127.0.0.1:2", "state": "draining"},
        {"id": "c", "url": "https://127.0.0.1:3", "newer": True},
    ],
}
"""An answer of the registry, the last two shortened, and one with a key of a later version."""


def test_endpoints() -> None:
    """Each field is taken; who drains is left out, and what is not known passed over."""
    answer = parse_answer(REAL, "users")
    assert "9aba295b1adfd9fb" == answer.epoch
    assert "9aba295b1adfd9fb.2.ffe106aa" == answer.cursor
    assert (
        Endpoint("http://127.0.0.1:1", 3.0, 1, "edge", {"zone": "a"}),
        Endpoint("https://127.0.0.1:3"),
    ) == answer.endpoints


def test_an_empty_list_is_no_error() -> None:
    """It says that there are no endpoints, as does one of which all drain."""
    assert () == parse_answer({**REAL, "instances": []}, "users").endpoints
    assert () == parse_answer({**REAL, "instances": REAL["instances"][1:2]}, "users").endpoints


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {**REAL, "epoch": 7},
        {**REAL, "cursor": None},
        {**REAL, "instances": {}},
        {**REAL, "instances": [None]},
        {**REAL, "instances": [{"id": "a", "url": "nowhere"}]},
        {**REAL, "instances": [{"id": "a", "url": "http://a", "weight": 10**400}]},
    ],
)
def test_what_is_no_answer(document: Any) -> None:
    """It raises, for an empty list would say that there are no endpoints."""
    with pytest.raises(DiscoveryError) as error:
        parse_answer(document, "users")
    assert ("users", "registry") == (error.value.service, error.value.source)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff\xfe", "9" * 5000])
def test_what_is_no_json(text: str | bytes) -> None:
    """It raises the same."""
    with pytest.raises(DiscoveryError):
        parse_text(text, "users")


def test_a_bad_instance_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """With a warning; the others are not held by it."""
    instances = [{"id": "x", "url": "nowhere"}, 7, {"url": "http://b"}, *REAL["instances"]]
    assert 2 == len(parse_answer({**REAL, "instances": instances}, "users").endpoints)
    assert 3 == len(caplog.records)


def test_what_is_known_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what changed is, which makes a long list cheap; what has gone is forgotten."""
    parsed: list[Any] = []
    parse = _parse.parse_endpoint

    def counted(value: Any) -> Endpoint:
        parsed.append(value["url"])
        return parse(value)

    monkeypatch.setattr(_parse, "parse_endpoint", counted)
    known: _parse.Known = {}
    parse_answer(REAL, "users", known)
    changed = copy.deepcopy(REAL)
    changed["instances"][0]["weight"] = 5.0
    answer = parse_answer(changed, "users", known)
    assert ["http://127.0.0.1:1", "https://127.0.0.1:3", "http://127.0.0.1:1"] == parsed
    assert 5.0 == answer.endpoints[0].weight
    parse_answer({**REAL, "instances": []}, "users", known)
    assert {} == known


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value in *document*."""
    found = [path]
    if isinstance(document, dict):
        for key, value in document.items():
            found += places(value, (*path, key))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            found += places(value, (*path, number))
    return found


@given(_JSON)
def test_any_json_is_endpoints_or_an_error(document: Any) -> None:
    """Nothing else is raised, whatever the server sends."""
    _parses(document)


@given(st.sampled_from(places(REAL)[1:]), _JSON | st.integers(10**300, 10**400))
def test_a_mutated_answer_is_endpoints_or_an_error(path: tuple[Any, ...], value: Any) -> None:
    """Nothing else is raised for a real answer with another value anywhere in it."""
    document = copy.deepcopy(REAL)
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    _parses(document)


@given(st.binary() | st.text())
def test_any_text_is_endpoints_or_an_error(text: str | bytes) -> None:
    """Nothing else is raised before it is JSON."""
    try:
        parse_text(text, "users")
    except DiscoveryError:
        pass


def _parses(document: Any) -> None:
    for known in (None, {}, dict.fromkeys("abc", (REAL["instances"][0], Endpoint("http://a")))):
        try:
            answer = parse_answer(document, "users", known)
        except DiscoveryError:
            continue
        assert all(isinstance(endpoint, Endpoint) for endpoint in answer.endpoints)
    try:
        text = json.dumps(document)
    except ValueError:
        return
    try:
        parse_text(text, "users")
    except DiscoveryError:
        pass
