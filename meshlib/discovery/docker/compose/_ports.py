"""
The ports of a service in a compose file.

https://docs.docker.com/reference/compose-file/services/#ports
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from ._values import Value

_HIGHEST = 65535
_PROTOCOLS = ("tcp", "udp", "sctp")


@dataclass(frozen=True, slots=True)
class Port:
    """
    The port *target* of a container, published at one of *published*, both ends included.

    None is a port of the daemon's choice, and an empty *host_ip* every address.
    """

    target: int
    published: tuple[int, int] | None = None
    host_ip: str = ""
    protocol: str = "tcp"
    app_protocol: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """What Compose tells ports apart by; of two that are alike the later one counts."""
        return self.host_ip or "0.0.0.0", self.published, self.target, self.protocol  # noqa: S104 -- compared, not listened at


def parse_ports(value: Value) -> list[Port]:
    """What one item of `ports` says. Raises ConfigurationError, with its place."""
    return [_long(value)] if value.is_mapping else _short(value)


def parse_exposed(value: Value) -> list[int]:
    """The TCP ports that one item of `expose` names."""
    ports, _, protocol = value.text().partition("/")
    first, last = _range(ports, value)
    return list(range(first, last + 1)) if _protocol(protocol or "tcp", value) == "tcp" else []


def _long(value: Value) -> Port:
    said = value.mapping()
    if "target" not in said:
        raise value.error("a port has a target")
    return Port(
        target=_one(said["target"]),
        published=_published(said["published"]) if "published" in said else None,
        host_ip=_address(_text(said, "host_ip"), value),
        protocol=_protocol(_text(said, "protocol") or "tcp", value),
        app_protocol=_text(said, "app_protocol"),
    )


def _short(value: Value) -> list[Port]:
    """`[[HOST_IP:][PUBLISHED]:]TARGET[/PROTOCOL]`, where both ports may be ranges."""
    written, _, protocol = value.text().partition("/")
    protocol = _protocol(protocol or "tcp", value)
    rest, _, targets = written.rpartition(":")
    address, _, hosts = rest.rpartition(":")
    first, last = _range(targets, value)
    address = _address(address, value)
    if not hosts:
        return [Port(n, None, address, protocol) for n in range(first, last + 1)]
    low, high = _range(hosts, value, lowest=0)
    if low == 0:
        return [Port(n, None, address, protocol) for n in range(first, last + 1)]
    if first == last:
        return [Port(first, (low, high), address, protocol)]
    if last - first != high - low:
        raise value.error(f"the ranges {hosts} and {targets} are not of the same length")
    return [Port(first + n, (low + n, low + n), address, protocol) for n in range(last - first + 1)]


def _text(said: Mapping[str, Value], key: str) -> str:
    return "" if key not in said or said[key].is_null else said[key].text()


def _one(value: Value) -> int:
    port = value.number()
    if not 1 <= port <= _HIGHEST:
        raise value.error(f"a port is 1 to {_HIGHEST}, not {port}")
    return port


def _published(value: Value) -> tuple[int, int] | None:
    text = "" if value.is_null else value.text()
    if text in ("", "0"):
        return None
    return _range(text, value)


def _range(text: str, value: Value, lowest: int = 1) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first, first]
    if not all(n.isascii() and n.isdigit() and len(n) <= 5 for n in numbers):
        raise value.error(f"{text!r} is not a port or a range of ports")
    low, high = int(numbers[0]), int(numbers[1])
    if not lowest <= low <= high <= _HIGHEST:
        raise value.error(f"{text!r} is not a range of ports, which are 1 to {_HIGHEST}")
    return low, high


def _protocol(protocol: str, value: Value) -> str:
    if protocol.lower() not in _PROTOCOLS:
        raise value.error(f"{protocol!r} is not one of {', '.join(_PROTOCOLS)}")
    return protocol.lower()


def _address(address: str, value: Value) -> str:
    address = address.removeprefix("[").removesuffix("]")
    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise value.error(f"{address!r} is not an IP address") from None
    return address
