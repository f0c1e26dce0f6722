"""Answers that no endpoint gives: redirects, direct responses, and changed headers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshlib.routing import Answer, HeaderEdits, HeaderOperations, RouteOptions, RouteTable
from support.routes import call


def answer(options: dict[str, Any], target: str, authority: str, scheme: str) -> Answer:
    """Send a call through a route that answers it."""
    route = RouteTable([RouteOptions.model_validate(options)]).match(call(target))
    assert route is not None
    assert route.split is None
    found = route.answer(scheme, authority, target.encode("ascii"))
    assert found is not None
    return found


def location(
    redirect: dict[str, Any],
    target: str = "/foo/bar?q=1",
    authority: str = "users:8080",
    scheme: str = "http",
    path: Any = None,
) -> str:
    """Where a redirect leads."""
    match = {"path": {"path_prefix": "/foo"} if path is None else path}
    found = answer({"match": match, "redirect": redirect}, target, authority, scheme)
    assert b"" == found.body
    assert (b"content-length", b"0") == found.headers[1]
    return found.headers[0][1].decode("ascii")


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        ({"path": "/new"}, "http://users:8080/new?q=1"),
        ({"path": "/new?p=2"}, "http://users:8080/new?p=2"),
        ({"path": "/new?"}, "http://users:8080/new"),
        ({"prefix": "/new"}, "http://users:8080/new/bar?q=1"),
        ({"regex": {"match": "o", "rewrite": "0"}}, "http://users:8080/f00/bar?q=1"),
        ({"authority": "a.example"}, "http://a.example/foo/bar?q=1"),
        ({"authority": "a.example:81"}, "http://a.example:81/foo/bar?q=1"),
        ({"authority": "[::1]", "port": 81}, "http://[::1]:81/foo/bar?q=1"),
        ({"port": 81}, "http://users:81/foo/bar?q=1"),
        ({"port": 80}, "http://users/foo/bar?q=1"),
        ({"port": 443}, "http://users:443/foo/bar?q=1"),
        ({"scheme": "https"}, "https://users/foo/bar?q=1"),
        ({"scheme": "http"}, "http://users/foo/bar?q=1"),
        ({"scheme": "https", "port": 443}, "https://users/foo/bar?q=1"),
        ({"scheme": "https", "port": 8443}, "https://users:8443/foo/bar?q=1"),
        (
            {"scheme": "https", "authority": "b", "port": 444, "path": "/x"},
            "https://b:444/x?q=1",
        ),
    ],
)
def test_redirect_changes_what_it_says(redirect: dict[str, Any], expected: str) -> None:
    """What is not said stays, but a port that no longer fits."""
    assert expected == location(redirect)


def test_redirect_fills_in_what_was_captured() -> None:
    """A template of the match goes into a template of the location."""
    found = location({"template": "/p/{id}"}, "/u/7", "[::1]:80", path="/u/{id}")
    assert "http://[::1]:80/p/7" == found
    assert "https://[::1]/u/7" == location({"scheme": "https"}, "/u/7", "[::1]:80", path="/u/{id}")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect_has_its_code(code: int) -> None:
    """Each of the five; 301 goes without saying, as in Istio."""
    given = answer({"redirect": {"path": "/x", "code": code}}, "/", "a", "http")
    default = answer({"redirect": {"path": "/x"}}, "/", "a", "http")
    assert (code, 301) == (given.status, default.status)


@pytest.mark.parametrize(
    ("options", "headers", "body"),
    [
        ({"status": 200}, {"content-length": "0"}, b""),
        (
            {"status": 503, "body": "caf\u00e9"},
            {"content-type": "text/plain; charset=utf-8", "content-length": "5"},
            b"caf\xc3\xa9",
        ),
        ({"status": 200, "body": ""}, {"content-type": "text/plain; charset=utf-8"}, b""),
        (
            {"status": 200, "json": {"a": [1, None]}},
            {"content-type": "application/json", "content-length": "14"},
            b'{"a":[1,null]}',
        ),
        ({"status": 200, "json": None}, {"content-type": "application/json"}, b"null"),
        (
            {"status": 429, "body": "x", "headers": {"Retry-After": "3", "Content-Type": "a/b"}},
            {"retry-after": "3", "content-type": "a/b"},
            b"x",
        ),
    ],
)
def test_direct_response_is_made_of_what_is_said(
    options: dict[str, Any], headers: dict[str, str], body: bytes
) -> None:
    """Status, headers and body, with a type and length that fit."""
    found = answer({"direct_response": options}, "/", "a", "http")
    told = {name.decode(): value.decode() for name, value in found.headers}
    assert options["status"] == found.status
    assert body == found.body
    assert headers == {name: told[name] for name in headers}
    assert str(len(body)) == told["content-length"]
    if "json" in options:
        assert options["json"] == json.loads(body)


def test_status_without_body_has_none() -> None:
    """204 and 304 have neither body nor length."""
    found = answer({"direct_response": {"status": 204, "body": "x"}}, "/", "a", "http")
    assert b"" == found.body
    assert b"content-length" not in dict(found.headers)


OPERATIONS = HeaderOperations.model_validate(
    {"remove": "X-Gone", "set": {"X-Set": "new"}, "add": {"X-More": "2"}}
)


def test_headers_are_removed_set_and_added() -> None:
    """What is not concerned keeps its place; a set header replaces all with its name."""
    before = [
        (b"X-Set", b"1"),
        (b"A", b"1"),
        (b"x-set", b"2"),
        (b"X-Gone", b"1"),
        (b"x-more", b"1"),
    ]
    after = [(b"A", b"1"), (b"x-more", b"1"), (b"x-set", b"new"), (b"x-more", b"2")]
    edits = HeaderEdits(OPERATIONS)
    assert after == edits.edit(before)
    triples = [(name, name.lower(), value) for name, value in before]
    assert [(name, name.lower(), value) for name, value in after] == edits.edit_triples(triples)


def test_destination_changes_headers_after_its_route() -> None:
    """Both act, and the destination has the last word."""
    options = {
        "headers": {"request": {"set": {"x-v": "route", "x-r": "1"}, "add": {"x-a": "1"}}},
        "split": [
            {"name": "a", "headers": {"request": {"set": {"x-v": "a"}, "remove": ["x-a"]}}},
            {"name": "b", "headers": {"response": {"add": {"x-canary": "1"}}}},
        ],
    }
    (route,) = RouteTable([RouteOptions.model_validate(options)]).routes
    assert route.split is not None
    a, b = route.split.destinations
    assert a.request_headers is not None
    assert b.request_headers is not None
    assert b.response_headers is not None
    assert a.response_headers is None
    assert [(b"x-r", b"1"), (b"x-v", b"a")] == a.request_headers.edit([(b"X-A", b"0")])
    assert [(b"x-v", b"route"), (b"x-r", b"1"), (b"x-a", b"1")] == b.request_headers.edit([])
    assert [(b"x-canary", b"1")] == b.response_headers.edit([])


def test_no_changes_are_nothing() -> None:
    """Nothing to do is false, and not asked for each call."""
    assert not HeaderEdits(HeaderOperations())
    assert HeaderEdits(HeaderOperations(remove=("x",)))
    (route,) = RouteTable([RouteOptions()]).routes
    assert route.split is not None
    assert route.split.destinations[0].request_headers is None
