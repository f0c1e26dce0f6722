"""
Which port of each slice is called, and how.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..._exceptions import DiscoveryError
from ._slices import Port, Slice

SCHEMES: Mapping[str, str] = {
    "grpc": "http",
    "grpcs": "https",
    "h2c": "http",
    "http": "http",
    "http2": "http",
    "https": "https",
    "kubernetes.io/h2c": "http",
    "kubernetes.io/ws": "http",
    "kubernetes.io/wss": "https",
    "tls": "https",
    "ws": "http",
    "wss": "https",
}
"""What an appProtocol, or the first part of a port's name, says of the scheme."""


def scheme_of(port: Port, chosen: str | None) -> str:
    """
    The scheme that *port* is called by: of its appProtocol, as *chosen*, or of its name.

    That a name may begin with the protocol, as `https-admin`, is a convention of Istio,
    and so less than what was said on purpose.
    """
    said = SCHEMES.get((port.protocol or "").lower())
    return said or chosen or SCHEMES.get(port.name.partition("-")[0].lower()) or "http"


def choose_ports(
    slices: Iterable[Slice], wanted: str | int | None, *, service: str, source: str
) -> dict[str, Port]:
    """
    The port that is called in each of *slices*, by the slice's name.

    *wanted* is its name or its number. A slice without that port is left out. Raises
    DiscoveryError when no slice has it, or when none is wanted and there are several.
    """
    slices = list(slices)
    known = {port.name: str(port) for one in slices for port in one.ports}
    listed = ", ".join(known[name] for name in sorted(known)) or "none"

    def error(problem: str) -> DiscoveryError:
        return DiscoveryError(
            f"{source}: {service} {problem}; its ports are {listed}",
            service=service,
            source=source,
        )

    if wanted is None:
        if len(known) > 1:
            raise error("has several ports: choose one by the setting port, by name or number")
        if not known and slices:
            raise error("has no TCP port: give a number by the setting port")
    chosen: dict[str, Port] = {}
    for one in slices:
        port = _number(one, wanted) if isinstance(wanted, int) else _named(one, wanted)
        if port is not None:
            chosen[one.name] = port
    if slices and not chosen:
        raise error(f"has no port {wanted}")
    if any(port.number is None for port in chosen.values()):
        raise error("is served on any port: give a number by the setting port")
    return chosen


def _named(one: Slice, name: str | None) -> Port | None:
    return next((port for port in one.ports if name is None or port.name == name), None)


def _number(one: Slice, number: int) -> Port | None:
    for port in one.ports:
        if port.number == number:
            return port
        if port.number is None:
            return Port(port.name, number, port.protocol)
    # A headless Service need not name the ports of its pods.
    return None if one.ports else Port("", number, None)
