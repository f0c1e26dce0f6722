"""What a document may say of the source."""

from __future__ import annotations

from typing import Any

import dns.name
import pytest

from meshlib import ConfigurationError
from meshlib.discovery import check_discovery, make_discovery
from meshlib.discovery.dns import DnsDiscovery
from meshlib.discovery.dns._resolver import candidates
from meshlib.discovery.dns._server import address_of


@pytest.mark.parametrize(
    ("settings", "path", "message"),
    [
        ({"name": ""}, "name", "a text is needed"),
        ({"name": "{name}.test"}, "name", "only {service}"),
        ({"name": "a..b"}, "name", "is no name"),
        ({"name": "x" * 64}, "name", "is no name"),
        ({"record": "mx"}, "record", "not one of auto, srv, address"),
        ({"port": 0}, "port", "from 1 to 65535"),
        ({"port": 80.5}, "port", "whole number"),
        ({"port": "80"}, "port", "a number is needed"),
        ({"port": 80, "record": "srv"}, "port", "says the port itself"),
        ({"port": 80, "name": "_http._tcp.a"}, "port", "says the port itself"),
        ({"scheme": "ftp"}, "scheme", "http, https"),
        ({"by": "host"}, "by", "address, name"),
        ({"by": "name"}, "by", "authority"),
        ({"family": "v4"}, "family", "ipv4"),
        ({"servers": []}, "servers", "a name server is needed"),
        ({"servers": ["10.0.0.1", "ns.test"]}, "servers[1]", "IP address"),
        ({"servers": 3}, "servers", "a list of texts"),
        ({"search": ["a..b"]}, "search[0]", "empty"),
        ({"search": 3}, "search", "a list of texts"),
        ({"ndots": 16}, "ndots", "from 0 to 15"),
        ({"timeout": 0}, "timeout", "at least"),
        ({"rotate": "yes"}, "rotate", "true or false"),
        ({"udp_payload": 100}, "udp_payload", "512"),
        ({"udp_payload": 70000}, "udp_payload", "65535"),
        ({"tcp": 1}, "tcp", "true or false"),
        ({"min_ttl": 0}, "min_ttl", "at least 0.1"),
        ({"max_ttl": "500ms"}, "max_ttl", "less than min_ttl"),
        ({"negative_ttl": "never"}, "negative_ttl", "not a duration"),
        ({"resolv_conf": ""}, "resolv_conf", "a text is needed"),
    ],
)
def test_wrong_setting_is_named(settings: dict[str, Any], path: str, message: str) -> None:
    """With its place, and what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        make_discovery({"dns": settings})
    assert f"discovery.dns.{path}" == caught.value.path
    assert message in str(caught.value)


def test_everything_may_be_left_out() -> None:
    """The system's resolver, and the name as the mesh has it."""
    check_discovery("dns")
    assert isinstance(make_discovery("dns"), DnsDiscovery)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("10.0.0.2", ("10.0.0.2", 53)),
        ("10.0.0.2:5353", ("10.0.0.2", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_server_is_an_address_with_or_without_a_port(said: str, meant: tuple[str, int]) -> None:
    """As people write them."""
    assert meant == address_of(said, "servers[0]")


@pytest.mark.parametrize("said", ["ns", "10.0.0.2:", "10.0.0.2:x", "10.0.0.2:0", "[::1]", "1.2.3"])
def test_server_that_is_none_is_refused(said: str) -> None:
    """A name server is asked for names, and cannot be found by one."""
    with pytest.raises(ConfigurationError, match="name server"):
        address_of(said, "servers[0]")


def names(*texts: str) -> list[dns.name.Name]:
    """Absolute names."""
    return [dns.name.from_text(text) for text in texts]


@pytest.mark.parametrize(
    ("name", "ndots", "expected"),
    [
        ("web", 1, ["web.a.test", "web.test", "web"]),
        ("web.ns", 1, ["web.ns", "web.ns.a.test", "web.ns.test"]),
        ("web.ns", 2, ["web.ns.a.test", "web.ns.test", "web.ns"]),
        ("web.ns.svc", 5, ["web.ns.svc.a.test", "web.ns.svc.test", "web.ns.svc"]),
        ("web.", 5, ["web"]),
        ("web", 0, ["web", "web.a.test", "web.test"]),
        ("x" * 63 + ".x" * 94, 1, ["x" * 63 + ".x" * 94]),
    ],
)
def test_search_domains_are_tried_as_resolv_conf_says(
    name: str, ndots: int, expected: list[str]
) -> None:
    """Before or after the name itself, by the number of its dots."""
    found = candidates(dns.name.from_text(name, None), names("a.test", "test"), ndots)
    assert names(*expected) == found


def test_no_name_is_tried_twice() -> None:
    """A search domain that is the root is no other name."""
    found = candidates(dns.name.from_text("web", None), names(".", "test", "test"), 1)
    assert names("web", "web.test") == found
