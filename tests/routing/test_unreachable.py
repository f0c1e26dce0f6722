"""Routes that no call can take are found, and no others are blamed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.routing import RouteMatch, RouteOptions, unreachable
from meshlib.routing._covers import covers
from meshlib.routing._matcher import Matcher
from support.routes import call, routes


def shadowed(first: Any, second: Any) -> bool:
    """Whether a route with the second match is unreachable behind one with the first."""
    both = [RouteOptions.model_validate({"match": match}) for match in (first, second)]
    found = unreachable(both)
    assert found in ([], [(1, 0, "every call that it matches is taken by 'routes[0]' before it")])
    return bool(found)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({}, {"path": "/a", "percentage": 5}),
        ({"path": {"prefix": "/"}}, {}),
        ({"path": {"path_prefix": "/"}}, {"path": {"regex": "/x"}}),
        ({"path": "/a"}, {"path": "/a", "method": "GET"}),
        ({"path": {"prefix": "/a"}}, {"path": "/ab"}),
        ({"path": {"prefix": "/a"}}, {"path": {"prefix": "/ab"}}),
        ({"path": {"prefix": "/a"}}, {"path": {"path_prefix": "/a"}}),
        ({"path": {"prefix": "/a"}}, {"path": {"path_prefix": "/a/b"}}),
        ({"path": {"path_prefix": "/a"}}, {"path": {"path_prefix": "/a/"}}),
        ({"path": {"path_prefix": "/a"}}, {"path": {"path_prefix": "/a/b"}}),
        ({"path": {"path_prefix": "/a"}}, {"path": {"prefix": "/a/"}}),
        ({"path": {"path_prefix": "/a"}}, {"path": "/a/{b}"}),
        ({"path": {"prefix": "/a"}}, {"path": "/a{b}"}),
        ({"path": {"prefix": "/A", "ignore_case": True}}, {"path": "/a/{b}"}),
        ({"path": {"prefix": "/A", "ignore_case": True}}, {"path": {"prefix": "/aB"}}),
        (
            {"path": {"prefix": "/A", "ignore_case": True}},
            {"path": {"exact": "/AB", "ignore_case": True}},
        ),
        ({"path": "/a/{b}"}, {"path": "/a/{c}"}),
        ({"path": "/a/{b}"}, {"path": "/a/x"}),
        ({"path": {"regex": "/a.*"}}, {"path": {"regex": "/a.*"}}),
        ({"path": {"regex": "/a.*"}}, {"path": "/abc"}),
        ({"method": ["GET", "POST"]}, {"method": "GET"}),
        ({"caller": ["a", "b"]}, {"caller": "b"}),
        ({"tenant": "a"}, {"tenant": "a", "caller": "x"}),
        ({"headers": {"a": {}}}, {"headers": {"A": "1"}}),
        ({"headers": {"a": {}}}, {"headers": {"a": {"regex": "x"}}}),
        ({"headers": {"a": {}}}, {"headers": {"a": {}, "b": {}}}),
        ({"headers": {"a": False}}, {"headers": {"a": False}}),
        ({"headers": {"a": {"prefix": "x"}}}, {"headers": {"a": "xy"}}),
        ({"headers": {"a": {"prefix": "x"}}}, {"headers": {"a": {"prefix": "xy"}}}),
        ({"headers": {"a": {"regex": "x+"}}}, {"headers": {"a": {"regex": "x+"}}}),
        ({"headers": {"a": {"regex": "x+"}}}, {"headers": {"a": "xx"}}),
        ({"query": {"q": "1"}}, {"query": {"q": "1", "r": "2"}}),
        ({"cookies": {"c": {}}}, {"cookies": {"c": "1"}}),
        ({"without_headers": {"a": {}}}, {"without_headers": {"a": {}}}),
        ({"without_headers": {"a": "1"}}, {"without_headers": {"a": {}}}),
        ({"without_headers": {"a": "1"}}, {"headers": {"a": "2"}}),
        ([{"path": "/a"}, {"path": "/b"}], [{"path": "/b"}, {"path": "/a"}]),
    ],
)
def test_shadowed_route_is_found(first: Any, second: Any) -> None:
    """Everything that the second takes, the first takes before it."""
    assert shadowed(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"percentage": 99}, {}),
        ({"path": "/a"}, {}),
        ({"path": "/a"}, {"path": "/A"}),
        ({"path": "/a"}, {"path": {"exact": "/a", "ignore_case": True}}),
        ({"path": "/a"}, {"path": {"prefix": "/a"}}),
        ({"path": "/a"}, {"path": "/{b}"}),
        ({"path": "/a/{b}"}, {"path": {"prefix": "/a/"}}),
        ({"path": "/a/{b}"}, {"path": "/a/{b=**}"}),
        ({"path": "/a/{b}"}, {"path": {"template": "/a/{b}", "ignore_case": True}}),
        ({"path": {"prefix": "/ab"}}, {"path": {"prefix": "/a"}}),
        ({"path": {"prefix": "/a/"}}, {"path": {"path_prefix": "/a"}}),
        ({"path": {"prefix": "/a"}}, {"path": {"prefix": "/a", "ignore_case": True}}),
        ({"path": {"path_prefix": "/a"}}, {"path": {"prefix": "/a"}}),
        ({"path": {"path_prefix": "/a"}}, {"path": {"path_prefix": "/ab"}}),
        ({"path": {"path_prefix": "/a"}}, {"path": "/ab"}),
        ({"path": {"path_prefix": "/a"}}, {"path": "/a{b}"}),
        ({"path": {"prefix": "/a"}}, {"path": {"regex": "/a.*"}}),
        ({"path": {"regex": "/a.*"}}, {"path": {"regex": "/a.+"}}),
        ({"method": "GET"}, {}),
        ({"method": "GET"}, {"method": ["GET", "POST"]}),
        ({"caller": "a"}, {"tenant": "a"}),
        ({"headers": {"a": {}}}, {}),
        ({"headers": {"a": {}}}, {"headers": {"b": {}}}),
        ({"headers": {"a": {}}}, {"headers": {"a": False}}),
        ({"headers": {"a": False}}, {"headers": {"a": {}}}),
        ({"headers": {"a": False}}, {"headers": {"a": "1"}}),
        ({"headers": {"a": "1"}}, {"headers": {"a": {}}}),
        ({"headers": {"a": {"prefix": "x"}}}, {"headers": {"a": {"regex": "x.*"}}}),
        ({"headers": {"a": {"prefix": "xy"}}}, {"headers": {"a": {"prefix": "x"}}}),
        ({"headers": {"a": {"regex": "x"}}}, {"headers": {"a": {"prefix": "x"}}}),
        ({"headers": {"a": {"regex": "x"}}}, {"headers": {"a": {"regex": "y"}}}),
        ({"query": {"q": "1"}}, {"query": {"q": "2"}}),
        ({"cookies": {"c": "1"}}, {"cookies": {"c": "2"}}),
        ({"without_headers": {"a": {}}}, {}),
        ({"without_headers": {"a": {}}}, {"without_headers": {"a": "1"}}),
        ({"without_headers": {"a": {}}}, {"without_headers": {"b": {}}}),
        ({"without_headers": {"a": "1"}}, {"headers": {"a": "1"}}),
        ({"without_headers": {"a": "1"}}, {"headers": {"a": {"prefix": "2"}}}),
        ({"without_headers": {"a": "1"}}, {"headers": {"b": "2"}}),
        ([{"path": "/a"}, {"path": "/b"}], [{"path": "/b"}, {"path": "/c"}]),
    ],
)
def test_reachable_route_is_not_blamed(first: Any, second: Any) -> None:
    """Some call may get by, or nobody can tell."""
    assert not shadowed(first, second)


def test_every_alternative_has_to_be_shadowed() -> None:
    """By different routes, too; the last of them is named."""
    found = unreachable(
        routes("""
        - {name: a, match: {path: /a}}
        - {name: b, match: {path: /b}}
        - {match: [{path: /b}, {path: /a}]}
        - {match: {percentage: 0}}
        - {match: [{path: /a}, {percentage: 0}]}
        """)
    )
    assert [
        (2, 1, "every call that it matches is taken by 'b' before it"),
        (3, None, "its percentage is 0"),
        (4, 0, "every call that it matches is taken by 'a' before it"),
    ] == found


TEXTS = st.sampled_from(["a", {"prefix": "a"}, {"regex": "a+"}, {}, False, "aa", {"prefix": ""}])
PATHS = st.builds(
    lambda kind, text, blind: {kind: text, **({"ignore_case": True} if blind else {})},
    st.sampled_from(["exact", "prefix", "path_prefix", "template"]),
    st.sampled_from(["/", "/a", "/A", "/a/", "/a/b", "/ab", "/a/{x}", "/{x}/b"]),
    st.booleans(),
)
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "path": st.one_of(PATHS, st.just({"regex": "/a.*"})),
        "method": st.sets(st.sampled_from(["GET", "POST"])),
        "headers": st.dictionaries(st.sampled_from(["h", "i"]), TEXTS),
        "without_headers": st.dictionaries(st.sampled_from(["h", "i"]), TEXTS),
        "query": st.dictionaries(st.just("q"), TEXTS),
    },
)
VALUES = st.sampled_from(["", "a", "aa", "ab", "b"])


@given(
    MATCHES,
    MATCHES,
    st.sampled_from(["/", "/a", "/A", "/a/", "/a/b", "/A/B", "/ab", "/a/x", "/x/b", "/a/b/c"]),
    st.sampled_from(["GET", "POST", "PUT"]),
    st.dictionaries(st.sampled_from(["h", "i"]), VALUES),
    st.one_of(st.just(""), VALUES.map("?q={}".format)),
)
def test_no_call_gets_by_what_covers(
    wide: Any, narrow: Any, path: str, method: str, headers: dict[str, str], query: str
) -> None:
    """Whatever is said to be covered is matched by what covers it, whatever the call."""
    first, second = (Matcher(RouteMatch.model_validate(each)) for each in (wide, narrow))
    info = call(path + query, method=method, headers=headers)
    if covers(first, second) and second.matches(info):
        assert first.matches(info)
