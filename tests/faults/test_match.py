"""Where a rule applies."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib._models import Endpoint
from meshlib.faults import FaultMatch
from meshlib.faults._facts import Facts
from meshlib.faults._match import Matcher


def matches(
    match: dict[str, Any],
    *,
    endpoint: str = "http://10.0.0.5:8080",
    method: str = "GET",
    path: str = "/users",
    headers: dict[str, str] | None = None,
    query: str = "",
    tenant: str = "",
    route: str = "",
    metadata: dict[str, str] | None = None,
) -> bool:
    """Ask a matcher about one request, through httpx's headers and through a plain dict."""
    matcher = Matcher(FaultMatch.model_validate(match))
    given = {} if headers is None else headers
    plain, wire = (
        matcher.matches(
            Facts(
                endpoint=endpoint,
                method=method,
                path=path,
                headers=headers,
                query=query,
                tenant=tenant,
                route=route,
                metadata=metadata or {},
            )
        )
        for headers in (given, httpx.Headers(given))
    )
    assert plain is wire
    return plain


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, True),
        ({"service": "users"}, True),
        ({"service": "orders"}, False),
        ({"service": "user"}, False),
        ({"source": "checkout"}, True),
        ({"source": "billing"}, False),
        ({"service": "users", "source": "billing"}, False),
        ({"service": "orders", "source": "checkout"}, False),
        ({"service": "users", "source": "checkout"}, True),
    ],
)
def test_concerns_service_and_source(match: dict[str, Any], expected: bool) -> None:
    """What is named must be equal, and what is not named is every service and source."""
    matcher = Matcher(FaultMatch.model_validate(match))
    assert expected is matcher.concerns("users", "checkout")


def test_matches_everything_when_nothing_is_named() -> None:
    """An empty match is every request."""
    assert matches({})


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("http://10.0.0.5:8080", True),
        ("http://10.0.0.5:8080/", True),
        ("10.0.0.5:8080", True),
        ("http://10.0.0.5", False),
        ("https://10.0.0.5:8080", False),
        ("10.0.0.5", False),
        ("10.0.0.5:80", False),
    ],
)
def test_matches_endpoint(wanted: str, expected: bool) -> None:
    """An endpoint is named as its URL or as its host and port."""
    assert expected is matches({"endpoint": wanted})


def test_matches_endpoint_with_its_default_port() -> None:
    """The port that a scheme implies need not be written."""
    address = Endpoint("https://Orders.Cloud.example").address
    assert matches({"endpoint": "https://orders.cloud.example"}, endpoint=address)
    assert matches({"endpoint": "Orders.cloud.example:443"}, endpoint=address)


@pytest.mark.parametrize(
    ("wanted", "sent", "expected"),
    [
        ("http://a:1/v1", "a:1", True),
        ("http://a:1", "a:1", True),
        ("a:1", "a:1", True),
        ("http://a:1", "a:2", False),
        ("a:1", "http://a:1/v1", True),
        ("http://a:1", "http://a:1/v1", False),
        ("http://[::1]:1", "[::1]:1", True),
    ],
)
def test_matches_endpoint_by_host_and_port_when_that_is_all(
    wanted: str, sent: str, expected: bool
) -> None:
    """Scheme and prefix are compared where both sides have them."""
    assert expected is matches({"endpoint": wanted}, endpoint=sent)


def test_endpoint_does_not_match_when_none_is_picked() -> None:
    """No address is not any address."""
    assert not matches({"endpoint": "10.0.0.5:8080"}, endpoint="")


@pytest.mark.parametrize(("method", "expected"), [("POST", True), ("post", True), ("GET", False)])
def test_matches_method(method: str, expected: bool) -> None:
    """Methods ignore case, as configured and as sent."""
    assert expected is matches({"method": ["post", "PUT"]}, method=method)


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        ("/users", "/users", True),
        ("/users", "/users/1", False),
        ({"prefix": "/us"}, "/users/1", True),
        ({"prefix": "/us"}, "/a/users", False),
        ({"regex": r"/users/\d+"}, "/users/12", True),
        ({"regex": r"/users/\d+"}, "/users/12/x", False),
        ({"regex": r"/users/\d+"}, "/v1/users/12", False),
        ({"exact": ""}, "", True),
        ({"regex": ""}, "/", False),
    ],
)
def test_matches_path(path: object, sent: str, expected: bool) -> None:
    """A path is compared whole, from its beginning, or as a whole expression."""
    assert expected is matches({"path": path}, path=sent)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-tenant": "a", "x-mode": "test-1"}, True),
        ({"X-Tenant": "a", "X-MODE": "test-1"}, True),
        ({"x-tenant": "A", "x-mode": "test-1"}, False),
        ({"x-tenant": "a", "x-mode": "prod"}, False),
        ({"x-tenant": "a"}, False),
        ({}, False),
    ],
)
def test_matches_headers(headers: dict[str, str], expected: bool) -> None:
    """All named headers must be there and match; names ignore case and values do not."""
    match: dict[str, Any] = {"headers": {"X-tenant": "a", "x-Mode": {"prefix": "test"}}}
    assert expected is matches(match, headers=headers)


@pytest.mark.parametrize(
    ("match", "headers", "expected"),
    [
        (True, {"x-debug": ""}, True),
        (True, {}, False),
        (False, {}, True),
        (False, {"x-debug": "1"}, False),
        ({"prefix": "a"}, {}, False),
        ({"regex": ".*"}, {}, False),
        ({"exact": ""}, {}, False),
    ],
)
def test_matches_presence_of_a_header(
    match: object, headers: dict[str, str], expected: bool
) -> None:
    """Whether there is one can be all that matters; a value of none matches nothing."""
    assert expected is matches({"headers": {"X-Debug": match}}, headers=headers)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=a%20b&flag=", True),
        ("flag&q=a+b&q=c", True),
        ("q=c&q=a+b&flag=1", False),
        ("q=a+b", False),
        ("", False),
    ],
)
def test_matches_query(query: str, expected: bool) -> None:
    """Parameters are decoded, all that are named must match, and the first of a name counts."""
    assert expected is matches({"query": {"q": "a b", "flag": True}}, query=query)


@pytest.mark.parametrize(
    ("wanted", "tenant", "expected"),
    [("acme", "acme", True), (["x", "acme"], "acme", True), ("acme", "", False), ("a", "b", False)],
)
def test_matches_tenant(wanted: object, tenant: str, expected: bool) -> None:
    """A rule is for one tenant, for several, or for all."""
    assert expected is matches({"tenant": wanted}, tenant=tenant)


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ({"version": "v2"}, True),
        ({"version": ["v1", "v2"]}, True),
        ({"version": "v1"}, False),
        ({"version": "v2", "zone": "a"}, True),
        ({"version": "v2", "zone": "b"}, False),
        ({"stage": "canary"}, False),
    ],
)
def test_matches_subset(subset: dict[str, Any], expected: bool) -> None:
    """An endpoint is in a subset by all of the metadata that is named."""
    assert expected is matches({"subset": subset}, metadata={"version": "v2", "zone": "a"})


@pytest.mark.parametrize(
    ("wanted", "expected"), [("users/slow", True), ("slow", True), ("users", False), ("", False)]
)
def test_matches_route(wanted: str, expected: bool) -> None:
    """A route is named alone or with its service."""
    assert expected is matches({"route": wanted}, route="users/slow")
