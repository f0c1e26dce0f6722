"""What an agent is asked, and the settings that say it."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.discovery import make_discovery
from meshlib.discovery.consul import ConsulDiscovery, ConsulRegistrar
from meshlib.discovery.consul._query import filter_of, literal, prepared_path, service_path


def test_filters_are_put_together() -> None:
    """All that is asked for must be true, whatever operators an expression has."""
    assert "" == filter_of((), {}, None)
    assert "a == b or c == d" == filter_of((), {}, "a == b or c == d")
    assert '"v1" in Service.Tags and Node.Meta["rack"] == "r1" and (a == b or c == d)' == filter_of(
        ["v1"], {"rack": "r1"}, "a == b or c == d"
    )


@pytest.mark.parametrize(
    ("text", "quoted"), [("a", '"a"'), ('a"b', '`a"b`'), ("a\\b", "`a\\b`"), ("a`b", '"a`b"')]
)
def test_texts_are_quoted(text: str, quoted: str) -> None:
    """In the quotes that they do not hold."""
    assert quoted == literal(text, "tags")


@pytest.mark.parametrize("text", ['`"', "`\\"])
def test_what_cannot_be_quoted(text: str) -> None:
    """The setting is named."""
    with pytest.raises(ConfigurationError, match="tags"):
        literal(text, "tags")


def test_names_are_escaped() -> None:
    """A name is one part of the path, whatever is in it."""
    assert "/v1/health/service/a%2Fb%20c" == service_path("a/b c")
    assert "/v1/query/a%3Fb/execute" == prepared_path("a?b")


@pytest.mark.parametrize(
    ("settings", "params"),
    [
        ({}, {"passing": ""}),
        ({"health": "warning"}, {}),
        ({"health": "any", "datacenter": "dc2", "near": "_agent"}, {"dc": "dc2", "near": "_agent"}),
        ({"health": "any", "tags": "v1"}, {"filter": '"v1" in Service.Tags'}),
        ({"query": "best", "near": "_ip", "limit": 3}, {"near": "_ip"}),
    ],
)
def test_settings_become_parameters(settings: dict[str, Any], params: dict[str, str]) -> None:
    """Nothing is sent that was not asked for."""
    source: Any = make_discovery({"consul": {"address": "http://127.0.0.1:1", **settings}})
    assert params == source._params


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"health": "failing"}, "health"),
        ({"tags": [1]}, "tags[0]"),
        ({"tags": '`"'}, "tags"),
        ({"node_meta": {"a": 1}}, "node_meta.a"),
        ({"filter": ""}, "filter"),
        ({"service": ""}, "service"),
        ({"datacenter": 1}, "datacenter"),
        ({"near": ""}, "near"),
        ({"limit": 0}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"query": ""}, "query"),
        ({"query": "a", "service": "b"}, "service"),
        ({"query": "a", "health": "any"}, "health"),
        ({"query": "a", "tags": ["b"]}, "tags"),
        ({"query": "a", "cached": True}, "cached"),
        ({"scheme": "ftp"}, "scheme"),
        ({"consistency": "strong"}, "consistency"),
        ({"max_stale": -1}, "max_stale"),
        ({"cached": 1}, "cached"),
        ({"cached": True, "consistency": "consistent"}, "cached"),
        ({"wait": "11m"}, "wait"),
        ({"wait": 0}, "wait"),
        ({"min_interval": 0}, "min_interval"),
        ({"poll": 0}, "poll"),
        ({"timeout": 0}, "timeout"),
        ({"tls": {"cacert": "x"}}, "tls.cacert"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], path: str) -> None:
    """The error says which one it is."""
    with pytest.raises(ConfigurationError) as error:
        ConsulDiscovery("http://127.0.0.1:1", **settings)
    assert path == error.value.path


@pytest.mark.parametrize(
    ("settings", "path"), [({"deregister_after": 59}, "deregister_after"), ({"tags": 1}, "tags")]
)
def test_wrong_settings_of_a_registrar(settings: dict[str, Any], path: str) -> None:
    """The error says which one it is; Consul would take another value without a word."""
    with pytest.raises(ConfigurationError) as error:
        ConsulRegistrar("http://127.0.0.1:1", **settings)
    assert path == error.value.path
