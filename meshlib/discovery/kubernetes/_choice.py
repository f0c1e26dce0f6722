"""
What is taken of a Service's slices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._exceptions import ConfigurationError
from .._settings import mapping, one_of, text, texts

FAMILIES = ("auto", "ipv4", "ipv6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """
    Port, scheme and address family to call, labels to keep, and where we are ourselves.

    *labels* has the name in the metadata and the label of the slice that it comes from.
    """

    port: str | int | None = None
    scheme: str | None = None
    family: str = "auto"
    zone: str | None = None
    node: str | None = None
    labels: tuple[tuple[str, str], ...] = ()


def make_choice(
    *, port: Any, scheme: Any, address_family: Any, zone: Any, node: Any, labels: Any
) -> Choice:
    """The choice of these settings. Raises ConfigurationError."""
    return Choice(
        port=None if port is None else _port(port),
        scheme=None if scheme is None else one_of(scheme, ("http", "https"), "scheme"),
        family=one_of(address_family, FAMILIES, "address_family"),
        zone=None if zone is None else text(zone, "zone"),
        node=None if node is None else text(node, "node"),
        labels=_labels(labels),
    )


def _port(value: Any) -> str | int:
    if isinstance(value, str) and value.strip() and not value.strip().isdecimal():
        return value.strip()
    try:
        number = int(value) if isinstance(value, str | int) else 0
    except ValueError:
        number = 0
    if isinstance(value, bool) or not 0 < number < 65536:
        raise ConfigurationError(
            f"the name or the number of a port is needed, not {value!r}", path="port"
        )
    return number


def _labels(value: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(value, Mapping):
        return tuple(mapping(value, "labels").items())
    return tuple((label, label) for label in texts(value, "labels"))
