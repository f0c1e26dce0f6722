"""Two answers: what differs, what does not count, and how it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.routing.mirror import Answered, CompareOptions, Comparer, Comparison


def answer(value: Any = None, status: int = 200, **headers: str) -> Answered:
    """An answer of JSON."""
    named = [(name.replace("_", "-"), text) for name, text in headers.items()]
    return Answered(status, named, json.dumps(value).encode())


def compared(one: Answered, other: Answered, **options: Any) -> Comparison:
    """What a comparer with these options finds."""
    return Comparer(CompareOptions.model_validate(options)).compare(one, other)


def found(one: Any, other: Any, **options: Any) -> list[tuple[str, str, str]]:
    """The differences of two bodies."""
    comparison = compared(answer(one), answer(other), json=True, **options)
    assert comparison.left_out == ""
    return [(each.place, each.original, each.mirrored) for each in comparison.differences]


def test_status_is_compared_unless_switched_off() -> None:
    """A status that differs is told, and bodies are not looked at then."""
    one, other = answer({"a": 1}), answer({"a": 2}, status=500)
    comparison = compared(one, other, json=True)
    assert not comparison.equal
    assert ["status"] == [each.place for each in comparison.differences]
    assert ["/a"] == [
        each.place for each in compared(one, other, json=True, status=False).differences
    ]
    assert compared(one, answer({"a": 2})).equal  # bodies are not compared


def test_chosen_headers_are_compared() -> None:
    """Their values, one that is missing, and none that was not named."""
    one = Answered(200, [("etag", "1"), ("vary", "a"), ("vary", "b"), ("date", "x")])
    other = Answered(200, [("vary", "a, b"), ("date", "y")])
    (difference,) = compared(one, other, headers=["ETag", "Vary", "Via"]).differences
    assert ("header etag", "1", "missing") == (
        difference.place,
        difference.original,
        difference.mirrored,
    )


@pytest.mark.parametrize(
    ("one", "other", "differences"),
    [
        ({"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1}, []),
        (1, 1.0, []),
        (1, 2, [("body", "1", "2")]),
        ({"a": 1}, {"a": True}, [("/a", "1", "true")]),
        ({"a": None}, {}, [("/a", "null", "missing")]),
        ({}, {"a/b~": [1]}, [("/a~1b~0", "missing", "[1]")]),
        ([1, 2], [1], [("/1", "2", "missing")]),
        ([1], [1, 2], [("/1", "missing", "2")]),
        ([1, 2], [2, 1], [("/0", "1", "2"), ("/1", "2", "1")]),
        ({"a": {"b": "x"}}, {"a": "x"}, [("/a", '{"b": "x"}', '"x"')]),
        ("x" * 200, 1, [("body", '"' + "x" * 99 + "…", "1")]),
    ],
)
def test_json_is_compared(one: Any, other: Any, differences: list[Any]) -> None:
    """By members whatever their order, by items in order, and by types as JSON has them."""
    assert differences == found(one, other)


@pytest.mark.parametrize(
    ("ignore", "places"),
    [
        ([], ["/id", "/items/0/at", "/items/0/deep/at", "/items/1/at"]),
        ("/id", ["/items/0/at", "/items/0/deep/at", "/items/1/at"]),
        (["/id", "/items/*/at"], ["/items/0/deep/at"]),
        (["/id", "/items/0"], ["/items/1/at"]),
        (["/**/at"], ["/id"]),
        (["/items/**"], ["/id"]),
        (["/items/**/deep/**", "/*"], []),
        (["/"], ["/id", "/items/0/at", "/items/0/deep/at", "/items/1/at"]),
    ],
)
def test_places_are_ignored(ignore: Any, places: list[str]) -> None:
    """By name, with any one step, and with any number of them."""
    one = {"id": 1, "items": [{"at": 1, "deep": {"at": 1}}, {"at": 1}]}
    other = {"id": 2, "items": [{"at": 2, "deep": {"at": 2}}, {"at": 2}]}
    assert places == [place for place, _, _ in found(one, other, ignore=ignore)]


def test_escaped_and_missing_places_are_ignored() -> None:
    """A pointer's escapes mean what RFC 6901 says, and what one side lacks is ignored, too."""
    assert [] == found({"a/b": 1, "c~d": 1}, {}, ignore=["/a~1b", "/c~0d"])


@pytest.mark.parametrize("place", ["a", "/a~", "/a~2b", 1])
def test_wrong_place_is_refused(place: Any) -> None:
    """It must be a pointer."""
    with pytest.raises(ValueError, match=r"place|~0|string"):
        CompareOptions.model_validate({"json": True, "ignore": [place]})


@pytest.mark.parametrize(
    ("one", "other", "options", "places"),
    [
        ([1, 2, 2], [2, 1, 2], {"unordered": True}, []),
        ([1, 2, 2], [2, 1, 1], {"unordered": True}, ["/2"]),
        ([1, 2], [2, 1], {"unordered": "/a"}, ["/0", "/1"]),
        ({"a": [1, 2], "b": [1, 2]}, {"a": [2, 1], "b": [2, 1]}, {"unordered": "/a"},
         ["/b/0", "/b/1"]),
        ([[1, 2], [3]], [[3], [2, 1]], {"unordered": True}, []),
        ([[1, 2], [3]], [[3], [2, 1]], {"unordered": "/**", "ignore": "/*/9"}, []),
        ([{"id": 1, "at": 1}, {"id": 2}], [{"id": 2}, {"id": 1, "at": 9}],
         {"unordered": True, "ignore": "/*/at"}, []),
        ([{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 3}], {"unordered": True}, ["/0/id"]),
        ([1], [1, 5], {"unordered": True}, ["/1"]),
        ([7, 1], [1], {"unordered": True}, ["/0"]),
        ([1.0, 2.5], [2.5, 1], {"unordered": True}, []),
        ([1, 100], [100.4, 1], {"unordered": True, "tolerance": 0.01}, []),
        ([1, 100], [200, 1], {"unordered": True, "tolerance": 0.01}, ["/1"]),
        (list(range(1, 100)), list(range(100, 1, -1)), {"unordered": True, "tolerance": 0.001},
         ["/0"]),
        ([0] * 70 + [1], [9] * 71, {"unordered": True, "tolerance": 0.1},
         [f"/{n}" for n in range(20)]),
        ([{"a": [1]}], [{"a": [2]}], {"unordered": True, "ignore": "/*/a/0"}, []),
        (["a", 1], ["b", 1], {"unordered": True, "ignore": "/0"}, []),
    ],
)  # fmt: skip
def test_items_may_stand_in_any_order(
    one: Any, other: Any, options: dict[str, Any], places: list[str]
) -> None:
    """Where it is said, and each item counts as often as it is there."""
    assert places == [place for place, _, _ in found(one, other, **options)]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (100, 100.9, True),
        (100, 102, False),
        (0, 0.001, False),
        (10**400, 1.5, False),
        (float("nan"), float("nan"), True),
        ("100", "100.9", False),
        (True, 1, False),
    ],
)
def test_numbers_have_a_tolerance(one: Any, other: Any, equal: bool) -> None:
    """A share of the larger one; nothing but numbers has it."""
    assert equal == (found(one, other, tolerance=0.01) == [])


def test_what_is_no_json_is_compared_as_it_is() -> None:
    """Equal bytes are equal, and JSON is not what is none."""
    plain = Answered(200, (), b"<html>")
    assert compared(plain, plain, json=True).equal
    (difference,) = compared(plain, answer({}), json=True).differences
    assert ("body", "no JSON, 6 bytes", "JSON") == (
        difference.place,
        difference.original,
        difference.mirrored,
    )
    assert not compared(answer({}), Answered(200, (), b"\xff"), json=True).equal


def test_body_that_is_not_there_is_left_out() -> None:
    """Why is said; the rest is compared."""
    one = Answered(200, [("etag", "1")], None, "a body is longer than 5 bytes")
    comparison = compared(one, answer({}), json=True, headers="etag")
    assert "a body is longer than 5 bytes" == comparison.left_out
    assert ["header etag"] == [each.place for each in comparison.differences]
    other = compared(answer({}), Answered(200), json=True)
    assert (True, "a body was not kept") == (other.equal, other.left_out)


def test_deep_body_is_left_out() -> None:
    """Nobody answers with 100,000 levels but to do harm."""
    deep = [Answered(200, (), b"[" * 100_000 + digit + b"]" * 100_000) for digit in (b"1", b"2")]
    comparison = compared(*deep, json=True)
    assert (True, "a body is nested too deeply") == (comparison.equal, comparison.left_out)


def test_twenty_differences_are_told() -> None:
    """Of bodies that have nothing in common nobody reads more."""
    assert 20 == len(found(list(range(100)), list(range(100, 200))))
    headers = [f"h{n}" for n in range(30)]
    one = Answered(200, [(name, "1") for name in headers])
    assert 20 == len(compared(one, Answered(200), headers=headers).differences)


def test_secrets_are_not_told() -> None:
    """By the names of headers and members, in URLs, and what looks like a credential."""
    one = Answered(200, [("set-cookie", "a=1"), ("location", "https://u:p@a/?token=1&page=2")])
    told = compared(one, Answered(200), headers=["set-cookie", "location"]).differences
    assert ["REDACTED", "https://REDACTED:REDACTED@a/?token=REDACTED&page=2"] == [
        each.original for each in told
    ]
    body = {
        "password": {"old": "x"},
        "user": {"api_key": "x", "urls": ["https://u:p@a/"], "age": 3},
        "note": "Bearer abcdefgh12345",
    }
    assert [
        ("/password/old", "REDACTED", "missing"),
        ("/user", '{"api_key": "REDACTED", "urls": ["https://REDACTED:REDACTED@a/"], "age": 3}',
         "missing"),
        ("/note", '"Bearer REDACTED"', "missing"),
    ] == found(body, {"password": {}})  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(JSON, JSON, st.booleans(), st.randoms(use_true_random=False))
def test_equality_is_that_of_the_values(one: Any, other: Any, order: bool, rng: Any) -> None:
    """A value equals itself whatever the order of its members; both sides tell as much."""
    assert [] == found(one, shuffled(one, rng), unordered=order)
    there = {place for place, _, _ in found(one, other, unordered=order)}
    back = {place for place, _, _ in found(other, one, unordered=order)}
    assert bool(there) == bool(back)


def shuffled(value: Any, rng: Any) -> Any:
    """The same with its members in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, rng)) for key, item in value.items()]
        rng.shuffle(items)
        return dict(items)
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value
