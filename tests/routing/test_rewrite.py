"""What a path becomes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.routing import RouteOptions, RouteTable
from support.routes import call


def rewritten(path: Any, rewrite: dict[str, Any], target: str) -> str:
    """Send a call through a route, and see what it asks for."""
    options = RouteOptions.model_validate(
        {"match": {} if path is None else {"path": path}, "rewrite": rewrite}
    )
    route = RouteTable([options]).match(call(target))
    assert route is not None
    return route.rewrite(target.encode("ascii")).decode("ascii")


# The table of ReplacePrefixMatch in the Gateway API's specification of HTTPPathModifier.
GATEWAY = [
    ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
    ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
    ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
    ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
    ("/foo", "/foo", "/xyz", "/xyz"),
    ("/foo/", "/foo", "/xyz", "/xyz/"),
    ("/foo/bar", "/foo", "", "/bar"),
    ("/foo/", "/foo", "", "/"),
    ("/foo", "/foo", "", "/"),
    ("/foo/", "/foo", "/", "/"),
    ("/foo", "/foo", "/", "/"),
]


@pytest.mark.parametrize(("path", "prefix", "replacement", "expected"), GATEWAY)
def test_segments_are_replaced_as_the_gateway_api_says(
    path: str, prefix: str, replacement: str, expected: str
) -> None:
    """Every line of the published table, with a query that stays."""
    assert expected == rewritten({"path_prefix": prefix}, {"prefix": replacement}, path)
    target = f"{path}?a=1&b=%2F"
    assert f"{expected}?a=1&b=%2F" == rewritten(
        {"path_prefix": prefix}, {"prefix": replacement}, target
    )


@pytest.mark.parametrize(
    ("path", "prefix", "replacement", "expected"),
    [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foobar", "/foo", "/xyz", "/xyzbar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyzbar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo", "/", "/bar"),
        ("/foo/bar", "/foo/", "/", "/bar"),
        ("/foo", "/foo", "/", "/"),
        ("/foo", "/foo", "", "/"),
    ],
)
def test_text_is_replaced_as_in_envoy(
    path: str, prefix: str, replacement: str, expected: str
) -> None:
    """The matched text goes and the other comes, but for a slash that both bring."""
    assert expected == rewritten({"prefix": prefix}, {"prefix": replacement}, path)


@pytest.mark.parametrize(
    ("path", "rewrite", "target", "expected"),
    [
        ("/users", {"path": "/people"}, "/users?x=1", "/people?x=1"),
        (None, {"path": "/people"}, "/anything", "/people"),
        (None, {"path": "/caf\u00e9"}, "/", "/caf%C3%A9"),
        (None, {"template": "/fixed"}, "/x", "/fixed"),
        ("/users/{id}", {"template": "/v2/u/{id}"}, "/users/7?x", "/v2/u/7?x"),
        ("/a/{b}/{c}", {"template": "/{c}/{b}.x"}, "/a/1/2", "/2/1.x"),
        ("/a/{b}/{c}", {"template": "/{c}{b}".replace("}{", "}-{")}, "/a/1/2", "/2-1"),
        ("/a/{b}", {"template": "/x/{b}"}, "/a/p%2Fq", "/x/p%2Fq"),
        ("/f/{rest=**}", {"template": "/g/{rest}"}, "/f/1/2", "/g/1/2"),
        ({"regex": "/(?P<v>v[0-9])/(?P<r>.*)"}, {"template": "/{r}/{v}"}, "/v1/a/b", "/a/b/v1"),
        ({"regex": "/a(?P<b>/b)?"}, {"template": "/x{b}"}, "/a", "/x"),
        (None, {"regex": {"match": "/v1/", "rewrite": "/v2/"}}, "/v1/v1/x", "/v2/v1/x"),
        (None, {"regex": {"match": "a", "rewrite": "b"}}, "/aXa", "/bXb"),
        (None, {"regex": {"match": "^/u/(\\d+)$", "rewrite": "/p/\\1"}}, "/u/7", "/p/7"),
        (None, {"regex": {"match": "(?P<x>u)", "rewrite": "\\g<x>\\g<x>"}}, "/u", "/uu"),
        (None, {"regex": {"match": "^/x", "rewrite": ""}}, "/x", "/"),
        (None, {"regex": {"match": "x", "rewrite": "a ?#b"}}, "/x?q", "/a%20%3F%23b?q"),
        ("/users", {"authority": "a.example"}, "/users?x", "/users?x"),
    ],
)
def test_path_is_rewritten(path: Any, rewrite: dict[str, Any], target: str, expected: str) -> None:
    """Each kind of rewrite, by hand."""
    assert expected == rewritten(path, rewrite, target)


SEGMENT = st.text(alphabet="ab%25.-", min_size=1, max_size=4).map(lambda s: s.replace("%", "%25"))


@given(SEGMENT, SEGMENT, st.text(alphabet="abc=&?%", max_size=6))
def test_template_gives_back_what_it_captured(one: str, two: str, query: str) -> None:
    """A template rewritten to itself changes nothing, whatever the segments hold."""
    target = f"/x/{one}/y/{two}?{query}"
    assert target == rewritten("/x/{a}/y/{b}", {"template": "/x/{a}/y/{b}"}, target)


@given(st.lists(SEGMENT, max_size=3), st.text(alphabet="ab/", max_size=4))
def test_rewritten_path_is_a_path(segments: list[str], replacement: str) -> None:
    """It begins with a slash, and a prefix replaced by itself changes nothing."""
    path = "/".join(["/p", *segments])
    assert path == rewritten({"path_prefix": "/p"}, {"prefix": "/p"}, path)
    assert path == rewritten({"prefix": "/p"}, {"prefix": "/p"}, path)
    changed = rewritten({"path_prefix": "/p"}, {"prefix": f"/{replacement}"}, path)
    assert changed.startswith("/")
