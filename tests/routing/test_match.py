"""Which calls a route takes, and why it does not take the others."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.routing import PathMatch, RequestInfo, RouteMatch, TextMatch
from meshlib.routing._matcher import Matcher
from meshlib.routing._path import compile_path
from meshlib.routing._text import compile_text
from support.routes import Draws, call


def matches(match: dict[str, Any], info: RequestInfo) -> bool:
    """Ask a matcher, and see that the reasons agree."""
    matcher = Matcher(RouteMatch.model_validate(match))
    answer = matcher.matches(info)
    if matcher.share >= 1.0:
        assert answer is (matcher.why_not(info) == "")
    return answer


@pytest.mark.parametrize(
    ("path", "taken", "left"),
    [
        ("/users", ["/users"], ["/users/", "/user", "/Users", "/"]),
        ({"exact": "/caf\u00e9 au lait"}, ["/caf%C3%A9%20au%20lait"], ["/caf%c3%a9"]),
        ({"exact": "/Users", "ignore_case": True}, ["/users", "/USERS"], ["/users/"]),
        ({"prefix": "/users"}, ["/users", "/users/7", "/users-admin"], ["/user", "/v1/users"]),
        ({"prefix": "/users/"}, ["/users/", "/users/7"], ["/users"]),
        ({"prefix": "/Users", "ignore_case": True}, ["/uSers-admin"], ["/u"]),
        ({"path_prefix": "/abc"}, ["/abc", "/abc/", "/abc/def"], ["/abcd", "/ab", "/"]),
        ({"path_prefix": "/abc/"}, ["/abc", "/abc/", "/abc/def"], ["/abcd"]),
        ({"path_prefix": "/"}, ["/", "/abc", "//"], ["*"]),
        ({"path_prefix": "/Abc", "ignore_case": True}, ["/abc/X", "/ABC"], ["/abcd"]),
        ("/users/{id}", ["/users/7", "/users/a%2Fb"], ["/users/", "/users", "/users/7/x"]),
        ({"template": "/f/{n}.json"}, ["/f/a.json", "/f/a.b.json"], ["/f/.json", "/f/axjson"]),
        ({"template": "/a/{b}/{c=**}"}, ["/a/1/", "/a/1/2/3"], ["/a/1", "/a//2"]),
        ({"template": "/A/{b}", "ignore_case": True}, ["/a/B"], ["/b/a"]),
        ({"template": "/plain"}, ["/plain"], ["/plain/", "/plai"]),
        ({"regex": "/v[12]/.*"}, ["/v1/", "/v2/x"], ["/v3/", "/x/v1/", "/v1"]),
        ({"regex": "/v1|/v2"}, ["/v1", "/v2"], ["/v1x", "/v2/"]),
        ({"regex": "(?i)/V1"}, ["/v1"], ["/v2"]),
    ],
)
def test_path_is_matched(path: Any, taken: list[str], left: list[str]) -> None:
    """Each kind of path takes what its definition says, and nothing next to it."""
    pattern = compile_path(PathMatch.model_validate(path))
    assert taken == [each for each in taken if pattern.accepts(each)]
    assert [] == [each for each in left if pattern.accepts(each)]


@given(st.text(alphabet="/ab", max_size=6), st.text(alphabet="/ab", max_size=8))
def test_path_prefix_compares_segments(prefix: str, path: str) -> None:
    """Whole segments are what the Gateway API compares, however slashes stand."""
    prefix, path = f"/{prefix}", f"/{path}"
    segments = prefix.rstrip("/").split("/")
    expected = path.split("/")[: len(segments)] == segments
    pattern = compile_path(PathMatch(path_prefix=prefix))
    assert expected is pattern.accepts(path)


@given(st.text(alphabet="/ab", max_size=6), st.text(alphabet="/ab", max_size=8))
def test_prefix_compares_text(prefix: str, path: str) -> None:
    """Text is what Istio compares."""
    pattern = compile_path(PathMatch(prefix=f"/{prefix}"))
    assert f"/{path}".startswith(f"/{prefix}") is pattern.accepts(f"/{path}")


@pytest.mark.parametrize(
    ("match", "taken", "left"),
    [
        ("a", ["a"], ["A", "ab", "", None]),
        ({"exact": ""}, [""], ["a", None]),
        ({"prefix": "a"}, ["a", "ab"], ["ba", "", None]),
        ({"regex": "a+"}, ["a", "aa"], ["ab", "", None]),
        (True, ["", "a"], [None]),
        (None, ["", "a"], [None]),
        ({}, ["", "a"], [None]),
        (False, [None], ["", "a"]),
        ({"present": False}, [None], ["", "a"]),
    ],
)
def test_text_is_matched(match: Any, taken: list[str | None], left: list[str | None]) -> None:
    """Values of headers, cookies and parameters, and their absence."""
    condition = compile_text(TextMatch.model_validate(match))
    assert taken == [each for each in taken if condition.accepts(each)]
    assert [] == [each for each in left if condition.accepts(each)]


@pytest.mark.parametrize(
    ("match", "why"),
    [
        ({}, ""),
        ({"method": "get"}, ""),
        ({"method": ["POST", "GET"]}, ""),
        ({"method": ["PUT", "POST"]}, "method GET is not POST or PUT"),
        ({"path": "/users"}, ""),
        ({"path": "/orders"}, "path /users is not /orders"),
        ({"path": {"prefix": "/o"}}, "path /users is not /o..."),
        ({"path": {"path_prefix": "/o"}}, "path /users is not /o/..."),
        ({"path": {"regex": "/o.*"}}, "path /users is not regex /o.*"),
        ({"path": "/users/{id}"}, "path /users is not /users/{id}"),
        ({"caller": "checkout"}, ""),
        ({"source": ["billing", "checkout"]}, ""),
        ({"caller": "billing"}, "caller 'checkout' is not billing"),
        ({"tenant": "a"}, ""),
        ({"tenant": "b"}, "tenant 'a' is not b"),
        ({"headers": {"X-A": "1"}}, ""),
        ({"headers": {"X-A": "2"}}, "header x-a has another value, not '2'"),
        ({"headers": {"X-B": {"prefix": "2"}}}, "header x-b is absent, not '2'..."),
        ({"headers": {"x-b": {"regex": "2"}}}, "header x-b is absent, not /2/"),
        ({"headers": {"x-b": {}}}, "header x-b is absent, not present"),
        ({"headers": {"x-a": False}}, "header x-a has another value, not absent"),
        ({"headers": {"x-a": "1", "x-b": False}}, ""),
        ({"without_headers": {"X-B": {}}}, ""),
        ({"without_headers": {"X-A": "2"}}, ""),
        ({"without_headers": {"X-A": {}}}, "header x-a is present, and must not be"),
        ({"query": {"page": "2"}}, ""),
        ({"query": {"empty": ""}}, ""),
        ({"query": {"page": "3"}}, "query parameter page has another value, not '3'"),
        ({"query": {"Page": "2"}}, "query parameter Page is absent, not '2'"),
        ({"cookies": {"c": "1"}}, ""),
        ({"cookies": {"junk": {}}}, "cookie junk is absent, not present"),
        ({"method": "GET", "path": "/users", "headers": {"x-a": "2"}}, "header x-a has another"),
    ],
)
def test_every_condition_is_named_when_it_fails(match: dict[str, Any], why: str) -> None:
    """What is named must be true, all of it; the reason tells the first that is not."""
    info = call(
        "/users?page=2&page=3&empty=",
        headers={"x-a": "1", "cookie": 'c="1"; junk; c=2'},
        caller="checkout",
        tenant="a",
    )
    matcher = Matcher(RouteMatch.model_validate(match))
    assert (why == "") is matches(match, info)
    assert matcher.why_not(info).startswith(why)
    assert bool(why) is bool(matcher.why_not(info))


def test_a_call_without_tenant_is_no_tenants() -> None:
    """Who is made for nobody is not taken for somebody."""
    assert not matches({"tenant": "a"}, call())
    assert not matches({"caller": "a"}, call())


@pytest.mark.parametrize(("draw", "expected"), [(0.0, True), (0.2499, True), (0.25, False)])
def test_percentage_draws_once(draw: float, expected: bool) -> None:
    """A share of 25 % are the draws below 0.25."""
    matcher = Matcher(RouteMatch(percentage=25))
    info = call(draws=(draw,))
    assert expected is matcher.matches(info)
    again = call(draws=(draw,))
    assert ("" if expected else "it is not in the 25 % (at 25.00 %)") == matcher.why_not(again)


def test_percentage_is_asked_last() -> None:
    """A call that is not concerned draws nothing."""
    matcher = Matcher(RouteMatch.model_validate({"path": "/x", "percentage": 50}))
    assert not matcher.matches(call(draws=()))


def test_no_percentage_draws_nothing() -> None:
    """A route for all calls costs no chance."""
    assert Matcher(RouteMatch()).matches(call(draws=()))


def test_percentage_0_takes_nobody() -> None:
    """Even the lowest draw is not below 0."""
    assert not Matcher(RouteMatch(percentage=0)).matches(call(draws=(0.0,)))


def test_request_info_reads_what_httpx_sends() -> None:
    """Path, query, headers and cookies of a real request are found, whatever their case."""
    request = httpx.Request(
        "get",
        "http://users/caf\u00e9?q=a%20b&q=c",
        headers=[("X-A", "1"), ("x-a", "2")],
        cookies={"c": "v"},
    )
    info = RequestInfo(
        request.method,
        request.url.raw_path,
        request.headers,
        rng=Draws(0.5),
        caller="me",
        tenant="t",
        client_ip="10.0.0.1",
    )
    match = {
        "method": "GET",
        "path": "/caf\u00e9",
        "query": {"q": "a b"},
        "headers": {"x-a": "1, 2"},
        "cookies": {"c": "v"},
        "caller": "me",
        "tenant": "t",
    }
    assert matches(match, info)
    assert "10.0.0.1" == info.client_ip
    assert info.cookie("d") is None
    assert info.query("r") is None
    assert 0.5 == info.draw()


def test_call_without_cookies_has_none() -> None:
    """No header is no cookies."""
    assert call().cookie("c") is None


@given(st.binary(max_size=60), st.text(max_size=60))
def test_garbage_from_the_wire_is_no_match(target: bytes, cookie: str) -> None:
    """Whatever a caller sends, a match is decided and nothing is raised."""
    info = RequestInfo("GET", target, {"cookie": cookie}, rng=Draws())
    match = {
        "path": {"template": "/a/{b}"},
        "query": {"q": {"regex": "x"}},
        "cookies": {"c": {"prefix": "x"}},
    }
    matcher = Matcher(RouteMatch.model_validate(match))
    assert matcher.matches(info) is (matcher.why_not(info) == "")
    info.query("q")
    info.cookie("c")
