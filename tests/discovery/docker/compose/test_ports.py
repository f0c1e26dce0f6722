"""The ports of a service in a compose file."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.discovery.docker.compose._ports import Port, parse_exposed, parse_ports
from meshlib.discovery.docker.compose._values import Value, parse_values


def item(written: str) -> Value:
    """The one item of a list."""
    return parse_values(f"- {written}".encode(), "f.yaml", {"P": "80"}.get)[0].items()[0]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("80", [Port(80)]),
        ("$P", [Port(80)]),
        ("80/udp", [Port(80, protocol="udp")]),
        ("80/TCP", [Port(80)]),
        ("8001:80", [Port(80, (8001, 8001))]),
        ("22:22", [Port(22, (22, 22))]),
        ('"0:80"', [Port(80)]),
        ("127.0.0.1:8001:80", [Port(80, (8001, 8001), "127.0.0.1")]),
        ("127.0.0.1::80", [Port(80, None, "127.0.0.1")]),
        ('"[::1]:8001:80"', [Port(80, (8001, 8001), "::1")]),
        ('"::1:8001:80"', [Port(80, (8001, 8001), "::1")]),
        ("8001-8003:80", [Port(80, (8001, 8003))]),
        ("8001-8002:80-81/tcp", [Port(80, (8001, 8001)), Port(81, (8002, 8002))]),
        ("80-81", [Port(80), Port(81)]),
    ],
)
def test_short_form(written: str, expected: list[Port]) -> None:
    """Address, published and target port, protocol, and ranges of them."""
    assert expected == parse_ports(item(written))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{target: 80}", Port(80)),
        ('{target: "80", published: "8001"}', Port(80, (8001, 8001))),
        ("{target: 80, published: 8001-8002}", Port(80, (8001, 8002))),
        ("{target: 80, published: 0}", Port(80)),
        ("{target: 80, published: }", Port(80)),
        ("{target: 80, protocol: udp, mode: host}", Port(80, protocol="udp")),
        (
            "{target: 80, published: 1, host_ip: 127.0.0.1, app_protocol: https, name: web}",
            Port(80, (1, 1), "127.0.0.1", app_protocol="https"),
        ),
    ],
)
def test_long_form(written: str, expected: Port) -> None:
    """The same by name."""
    assert [expected] == parse_ports(item(written))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("eighty", "'eighty' is not a port or a range"),
        ("''", "'' is not a port"),
        ("65536", "'65536' is not a range of ports, which are 1 to 65535"),
        ("81-80", "'81-80' is not a range of ports"),
        ("8001-8003:80-81", "the ranges 8001-8003 and 80-81 are not of the same length"),
        ("80/icmp", "'icmp' is not one of tcp, udp, sctp"),
        ("localhost:80:80", "'localhost' is not an IP address"),
        ("{published: 80}", "a port has a target"),
        ("{target: 0}", "a port is 1 to 65535, not 0"),
        ("{target: 80, published: x}", "'x' is not a port"),
        ("{target: 80, host_ip: x}", "'x' is not an IP address"),
        ("[80]", "a text is needed"),
        ("80:0", "'0' is not a range of ports"),
    ],
)
def test_what_is_no_port_is_refused(written: str, message: str) -> None:
    """With file, line and place."""
    with pytest.raises(ConfigurationError, match=rf"^f\.yaml, line 1: \S+: {message}"):
        parse_ports(item(written))


@pytest.mark.parametrize(
    ("written", "expected"),
    [("80", [80]), ('"80/tcp"', [80]), ("80/udp", []), ("80-82", [80, 81, 82])],
)
def test_exposed(written: str, expected: list[Any]) -> None:
    """Only TCP serves HTTP."""
    assert expected == parse_exposed(item(written))
