"""What an endpoint may be written as."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError, Endpoint
from meshlib.discovery import parse_endpoint, parse_endpoints


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://a:1", "http://a:1"),
        ("https://api.example.com", "https://api.example.com:443"),
        ("  http://a.b-c_d:8080/v1/ ", "http://a.b-c_d:8080/v1"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://10.0.0.1", "http://10.0.0.1:80"),
        ("http://a.", "http://a.:80"),
    ],
)
def test_url_is_an_endpoint(text: str, address: str) -> None:
    """A URL alone is an endpoint with every default."""
    endpoint = parse_endpoint(text)

    assert address == endpoint.address
    assert Endpoint(text.strip()) == endpoint


def test_mapping_is_an_endpoint() -> None:
    """A mapping sets every field, and its metadata becomes read-only text."""
    endpoint = parse_endpoint(
        {
            "url": "http://a:1",
            "weight": 3,
            "priority": 1,
            "kind": "cloud",
            "metadata": {"version": 1.5, "canary": True, "old": False, "zone": "a"},
        }
    )

    assert (3, 1, "cloud") == (endpoint.weight, endpoint.priority, endpoint.kind)
    assert {"version": "1.5", "canary": "true", "old": "false", "zone": "a"} == endpoint.metadata
    with pytest.raises(TypeError):
        endpoint.metadata["zone"] = "b"  # type: ignore[index]  # that is the test


def test_numbers_may_be_text() -> None:
    """A variable or a registry gives numbers as text."""
    endpoint = parse_endpoint({"url": "http://a", "weight": "2.5", "priority": "1"})

    assert (2.5, 1) == (endpoint.weight, endpoint.priority)


def test_valid_endpoint_is_itself() -> None:
    """An endpoint that is right already is not copied."""
    endpoint = Endpoint("http://a", metadata={"zone": "a"})

    assert endpoint is parse_endpoint(endpoint)


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ("", "e", "scheme"),
        ("ftp://a", "e", "scheme"),
        ("http://", "e", "no host"),
        ("http://:80", "e", "no host"),
        ("http://a:0", "e", "port 0"),
        ("http://a:65536", "e", "not a URL"),
        ("http://a:x", "e", "not a URL"),
        ("http://a b", "e", "not a URL"),
        ("http://a\nb", "e", "not a URL"),
        ("http://[::1", "e", "not a URL"),
        ("http://[v1.x]", "e", "host"),
        ("http://-a", "e", "no valid host"),
        ("http://bücher", "e", "no valid host"),
        ("http://u:p@a", "e", "credentials"),
        ("http://a?x=1", "e", "query"),
        ("http://a#x", "e", "query"),
        (3, "e", "URL or a mapping"),
        (None, "e", "URL or a mapping"),
        ({}, "e.url", "URL is needed"),
        ({"url": 3}, "e.url", "URL is needed"),
        ({"url": "ftp://a"}, "e.url", "scheme"),
        ({"url": "http://a", "weight": 0}, "e.weight", "above 0"),
        ({"url": "http://a", "weight": -1}, "e.weight", "above 0"),
        ({"url": "http://a", "weight": float("inf")}, "e.weight", "above 0"),
        ({"url": "http://a", "weight": True}, "e.weight", "number"),
        ({"url": "http://a", "weight": "much"}, "e.weight", "number"),
        ({"url": "http://a", "priority": -1}, "e.priority", "whole number"),
        ({"url": "http://a", "priority": 1.5}, "e.priority", "number"),
        ({"url": "http://a", "priority": "nan"}, "e.priority", "number"),
        ({"url": "http://a", "kind": ""}, "e.kind", "word"),
        ({"url": "http://a", "kind": 3}, "e.kind", "word"),
        ({"url": "http://a", "metadata": []}, "", ""),
        ({"url": "http://a", "metadata": ["x"]}, "e.metadata", "maps"),
        ({"url": "http://a", "metadata": {"x": [1]}}, "e.metadata.x", "text"),
        ({"url": "http://a", "metadata": {3: "x"}}, "e.metadata.3", "text"),
        (Endpoint("a:1"), "e.url", "scheme"),
        (Endpoint(3), "e.url", "not a URL"),  # type: ignore[arg-type]  # that is the test
        (Endpoint("http://a", weight=float("nan")), "e.weight", "above 0"),
        (Endpoint("http://a", priority=1.0), "e.priority", "whole"),  # type: ignore[arg-type]  # so is this
    ],
)
def test_what_cannot_be_called_is_refused(value: Any, path: str, message: str) -> None:
    """The error names the place and what is wrong there."""
    if not path:
        parse_endpoint(value, "e")  # metadata that is empty is none
        return
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse_endpoint(value, "e")

    assert path == caught.value.path


def test_forgotten_scheme_is_suggested() -> None:
    """`127.0.0.1:8001` is answered with the URL that was meant."""
    with pytest.raises(ConfigurationError) as caught:
        parse_endpoint("127.0.0.1:8001")

    assert "did you mean 'http://127.0.0.1:8001'?" == caught.value.hint
    assert "" == caught.value.path


@pytest.mark.parametrize(("key", "hint"), [("wieght", "'weight'"), ("qqq", "url, weight")])
def test_unknown_key_is_answered_with_known_ones(key: str, hint: str) -> None:
    """The nearest key is suggested, and without a near one all are listed."""
    with pytest.raises(ConfigurationError) as caught:
        parse_endpoint({"url": "http://a", key: 1})

    assert hint in caught.value.hint
    assert key == caught.value.path


@given(st.text())
def test_any_text_is_an_endpoint_or_an_error(text: str) -> None:
    """Whatever text comes, the result is an endpoint with an address or ConfigurationError."""
    try:
        endpoint = parse_endpoint(text)
    except ConfigurationError:
        return
    assert endpoint.address


def test_list_names_the_place() -> None:
    """An error in a list of endpoints names the index."""
    with pytest.raises(ConfigurationError) as caught:
        parse_endpoints(["http://a", "b"], "users")

    assert "users[1]" == caught.value.path


def test_single_endpoint_is_a_list_of_one() -> None:
    """A URL in place of a list counts as a list of one."""
    assert (Endpoint("http://a"),) == parse_endpoints("http://a", "users")


def test_neither_list_nor_endpoint_is_refused() -> None:
    """A number is no list of endpoints."""
    with pytest.raises(ConfigurationError, match="list of endpoints"):
        parse_endpoints(3, "users")


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf"), float("nan"), 1e13])
@pytest.mark.parametrize("key", ["weight", "priority"])
def test_number_beyond_all_bounds_is_refused(key: str, number: float) -> None:
    """A number that no float can hold is an error like any other."""
    with pytest.raises(ConfigurationError) as caught:
        parse_endpoint({"url": "http://a:1", key: number})
    assert key == caught.value.path
