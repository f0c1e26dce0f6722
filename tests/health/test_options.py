"""What may be said of active checks, and what may not."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.health import HealthCheckOptions


def options(value: Any) -> HealthCheckOptions:
    """Options from a document."""
    return HealthCheckOptions.model_validate(value)


def test_the_form_of_the_documentation_is_understood() -> None:
    """The whole document form, with texts for durations and all forms of a status."""
    said = options(
        {
            "http": {
                "path": "/health/ready?full=1",
                "status": [200, "3xx", "410-419"],
                "body": {"json": {"status": "up"}},
                "method": "POST",
                "headers": {"X-Probe": "mesh"},
                "host": "users.internal",
                "scheme": "https",
                "tls": {"ca": "ca.pem", "verify": True},
            },
            "port": 9000,
            "interval": "5s",
            "timeout": "250ms",
            "unhealthy_threshold": 3,
            "healthy_threshold": 2,
            "initial_delay": "1s",
            "jitter": 0.2,
            "edge_interval": "1s",
            "unhealthy_interval": "10s",
            "quiet_after": "2m",
            "max_interval": "1m",
            "assume": "unhealthy",
            "reuse_connections": False,
            "max_concurrency": 7,
        }
    )
    assert said.http is not None
    assert ((200, 200), (300, 399), (410, 419)) == said.http.status
    assert said.http.body is not None
    assert {"status": "up"} == said.http.body.json_
    assert (0.25, 120.0, 60.0) == (said.timeout, said.quiet_after, said.max_interval)


def test_short_forms() -> None:
    """A path is a request, true a kind with its defaults, a text a body, service or program."""
    short = options("/health").http
    assert short is not None
    assert ("/health", ((200, 299),)) == (short.path, short.status)
    assert options({"tcp": True}).tcp is not None
    assert options({"tls": True}).tls is not None
    grpc = options({"grpc": True}).grpc
    assert grpc is not None
    assert "" == grpc.service
    named = options({"grpc": "users.v1"}).grpc
    assert named is not None
    assert "users.v1" == named.service
    assert ("true",) == options({"command": "true"}).command
    body = options({"http": {"path": "/", "body": "ok", "status": "2XX"}}).http
    assert body is not None
    assert body.body is not None
    assert ("ok", ((200, 299),)) == (body.body.contains, body.status)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({}, "exactly one of http, tcp, tls, grpc, command, call, not none"),
        ({"tcp": True, "http": "/"}, "not http and tcp"),
        ({"tcp": True, "intervall": 1}, "intervall"),
        ({"tcp": True, "interval": 0}, "greater than 0"),
        ({"tcp": True, "port": 65536}, "65535"),
        ({"tcp": True, "assume": "maybe"}, "known are healthy, unhealthy"),
        ({"tcp": True, "unhealthy_threshold": 0}, "greater than or equal to 1"),
        ({"command": []}, "at least 1"),
        ({"call": "a.b:c"}, "callable"),
        ("health", "pattern"),
        ({"http": {"path": "/a b"}}, "pattern"),
        ({"http": {"path": "/", "method": "GET X"}}, "pattern"),
        ({"http": {"path": "/", "host": "a/b"}}, "pattern"),
        ({"http": {"path": "/", "status": "2x"}}, "'2x' is no status"),
        ({"http": {"path": "/", "status": 600}}, "600 is no status"),
        ({"http": {"path": "/", "status": True}}, "True is no status"),
        ({"http": {"path": "/", "status": []}}, "at least 1"),
        ({"http": {"path": "/", "status": "299-200"}}, "ends before it begins"),
        ({"http": {"path": "/", "body": {}}}, "give contains or json"),
        ({"http": {"path": "/", "method": "HEAD", "body": "ok"}}, "HEAD has no body"),
        ({"http": {"path": "/", "headers": {"Host": "a"}}}, "'Host' cannot be set here"),
        ({"http": {"path": "/", "headers": {"a b": "a"}}}, "'a b' cannot be set here"),
        ({"http": {"path": "/", "headers": {"a": "b\r\nc: d"}}}, "cannot be sent as a header"),
        ({"http": {"path": "/", "tls": {"key": "key.pem"}}}, "a key needs its certificate"),
        ({"tls": {"verify": False, "names": ["a"]}}, "without verify"),
        ({"grpc": {"metadata": {"Grpc-Timeout": "1S"}}}, "may not replace"),
        ({"grpc": {"metadata": {"Content-Type": "a"}}}, "may not replace"),
    ],
)
def test_what_is_wrong_is_refused(value: Any, error: str) -> None:
    """The error says what is wrong."""
    with pytest.raises(ConfigurationError, match=error):
        options(value)


def test_a_body_may_be_null() -> None:
    """`json: null` is something to look for, as the body of an answer may be just that."""
    said = options({"http": {"path": "/", "body": {"json": None}}}).http
    assert said is not None
    assert said.body is not None
    assert {"json_"} == said.body.model_fields_set


def test_metadata_is_lower_case() -> None:
    """HTTP/2 knows no capitals in names."""
    said = options({"grpc": {"metadata": {"X-Tenant": "A"}}}).grpc
    assert said is not None
    assert {"x-tenant": "A"} == said.metadata
