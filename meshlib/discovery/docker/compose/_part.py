"""
What one file says of a service, and how a later file adds to it.

https://docs.docker.com/reference/compose-file/merge/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from ._ports import Port, parse_exposed, parse_ports
from ._values import Value

_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(frozen=True, slots=True)
class Said(Generic[_T]):
    """A *value* that a file says, which *replaces* what was said before or is merged with it."""

    value: _T
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of a service, *place* being where; None is not said."""

    place: str
    ports: Said[tuple[Port, ...]] | None = None
    exposed: Said[tuple[int, ...]] | None = None
    labels: Said[Mapping[str, str]] | None = None
    profiles: Said[tuple[str, ...]] | None = None
    scale: Said[int | None] | None = None
    replicas: Said[int | None] | None = None
    network_mode: Said[str] | None = None
    extends: Value | None = None

    @property
    def count(self) -> int:
        """How many containers there are to be."""
        for said in (self.scale, self.replicas):
            if said is not None and said.value is not None:
                return said.value
        return 1

    def over(self, base: Part) -> Part:
        """This, merged over what *base* says."""
        return Part(
            place=self.place,
            ports=_merged(base.ports, self.ports, _joined_ports),
            exposed=_merged(base.exposed, self.exposed, _joined),
            labels=_merged(base.labels, self.labels, lambda old, new: {**old, **new}),
            profiles=_merged(base.profiles, self.profiles, _joined),
            scale=_merged(base.scale, self.scale, _later),
            replicas=_merged(base.replicas, self.replicas, _later),
            network_mode=_merged(base.network_mode, self.network_mode, _later),
            extends=self.extends,
        )


def parse_part(value: Value) -> Part:
    """What the service at *value* says. Raises ConfigurationError, with file and line."""
    said = value.mapping()
    if "label_file" in said:
        raise said["label_file"].error("not supported", hint="write the labels into the file")
    return Part(
        place=value.place,
        ports=_said(said.get("ports"), _ports, ()),
        exposed=_said(said.get("expose"), _exposed, ()),
        labels=_said(said.get("labels"), _labels, {}),
        profiles=_said(said.get("profiles"), _texts, ()),
        scale=_said(said.get("scale"), _count, None),
        replicas=_replicas(said["deploy"]) if "deploy" in said else None,
        network_mode=_said(said.get("network_mode"), Value.text, ""),
        extends=said.get("extends"),
    )


def _said(value: Value | None, read: Callable[[Value], _U], empty: _U) -> Said[_U] | None:
    if value is None:
        return None
    if value.resets:
        return Said(empty, replaces=True)
    if value.is_null:
        return None
    return Said(read(value), replaces=value.overrides)


def _replicas(deploy: Value) -> Said[int | None] | None:
    said = {} if deploy.resets else deploy.mapping()
    replicas = _said(said.get("replicas"), _count, None)
    if deploy.resets or deploy.overrides:
        return Said(replicas.value if replicas is not None else None, replaces=True)
    return replicas


def _ports(value: Value) -> tuple[Port, ...]:
    return _joined_ports((), tuple(port for item in value.items() for port in parse_ports(item)))


def _exposed(value: Value) -> tuple[int, ...]:
    return _joined((), tuple(port for item in value.items() for port in parse_exposed(item)))


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(item.text() for item in value.items())


def _labels(value: Value) -> dict[str, str]:
    if value.is_mapping:
        return {key: item.scalar() for key, item in value.mapping().items()}
    pairs = (item.text().partition("=") for item in value.items())
    return {key: text for key, _, text in pairs}


def _count(value: Value) -> int | None:
    return value.number()


def _merged(
    base: Said[_T] | None, later: Said[_T] | None, join: Callable[[_T, _T], _T]
) -> Said[_T] | None:
    if later is None or base is None:
        return base if later is None else later
    if later.replaces:
        return later
    return Said(join(base.value, later.value), replaces=base.replaces)


def _later(_: _T, later: _T) -> _T:
    return later


def _joined(base: tuple[_T, ...], later: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys((*base, *later)))


def _joined_ports(base: tuple[Port, ...], later: tuple[Port, ...]) -> tuple[Port, ...]:
    return tuple({port.key: port for port in (*base, *later)}.values())
