"""
One EndpointSlice, read.

The meaning of each field is that of the reference of `discovery.k8s.io/v1`; `v1beta1`
differs in having zone and node in a `topology` mapping.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._exceptions import DiscoveryError
from .._records import malformed

_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_REGION = "topology.kubernetes.io/region"
_HOST = "kubernetes.io/hostname"
WEIGHT = "meshlib/weight"
"""The annotation of a slice that gives each of its endpoints a weight."""


class Fitness(enum.IntEnum):
    """Whether an endpoint should get traffic."""

    NONE = 0
    LEAVING = 1
    """It is terminating and still serves."""
    READY = 2


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port of every endpoint of a slice; *number* None is every port."""

    name: str
    number: int | None
    protocol: str | None

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.name or 'unnamed'} ({'any' if self.number is None else self.number})"


@dataclass(frozen=True, slots=True)
class Record:
    """One endpoint of a slice, without its port. *zones* and *nodes* are hints."""

    host: str | None
    fitness: Fitness
    metadata: Mapping[str, str]
    zones: tuple[str, ...]
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """
    What matters of an EndpointSlice. *family* is `IPv4`, `IPv6`, `FQDN` or unknown.

    What has the same *stamp* has not changed; None is unlike any other.
    """

    name: str
    stamp: tuple[str, str] | None
    family: str
    ports: tuple[Port, ...]
    records: tuple[Record, ...]
    labels: Mapping[str, str]
    weight: str | None


class SliceReader:
    """Reads slices of one *service*; what is wrong with them is a DiscoveryError."""

    def __init__(self, service: str, source: str) -> None:
        self._service = service
        self._source = source

    def read(self, document: Any) -> Slice:
        """The slice that *document*, which was JSON, describes."""
        top, metadata = self._mapping(document, "an object"), self._metadata(document)
        return Slice(
            name=self.name(document),
            stamp=self.stamp(document),
            family=self._text(top.get("addressType"), "an addressType"),
            ports=self._ports(top.get("ports")),
            records=tuple(map(self._record, self._list(top.get("endpoints"), "endpoints"))),
            labels=self._texts(metadata.get("labels"), "labels"),
            weight=self._texts(metadata.get("annotations"), "annotations").get(WEIGHT),
        )

    def name(self, document: Any) -> str:
        """The name of the slice in its namespace."""
        return self._text(self._metadata(document).get("name"), "the name of an EndpointSlice")

    def stamp(self, document: Any) -> tuple[str, str] | None:
        """What tells an object at one moment from every other, of any cluster."""
        metadata = self._metadata(document)
        one, two = metadata.get("uid"), metadata.get("resourceVersion")
        return (one, two) if isinstance(one, str) and isinstance(two, str) else None

    def version(self, document: Any) -> str:
        """The resource version that *document*, a list or an object, speaks of."""
        return self._text(self._metadata(document).get("resourceVersion"), "a resourceVersion")

    def error(self, what: str, seen: Any) -> DiscoveryError:
        """The error for something else than *what*."""
        return malformed(self._service, self._source, what, seen)

    def _metadata(self, document: Any) -> Mapping[Any, Any]:
        return self._mapping(self._mapping(document, "an object").get("metadata"), "metadata")

    def _ports(self, value: Any) -> tuple[Port, ...]:
        ports = []
        for item in self._list(value, "ports"):
            port = self._mapping(item, "a port")
            number = port.get("port")
            if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
                raise self.error("the number of a port", number)
            protocol = self._optional(port.get("protocol"), "a protocol") or "TCP"
            if protocol == "TCP":
                name = self._optional(port.get("name"), "the name of a port") or ""
                application = self._optional(port.get("appProtocol"), "an appProtocol")
                ports.append(Port(name, number, application))
        return tuple(ports)

    def _record(self, item: Any) -> Record:
        endpoint = self._mapping(item, "an endpoint")
        addresses = self._list(endpoint.get("addresses"), "addresses")
        # "No semantics are defined for additional addresses beyond the first."
        host = self._text(addresses[0], "an address") if addresses else None
        hints = self._mapping(endpoint.get("hints"), "hints", optional=True)
        zones = self._names(hints.get("forZones"), "forZones")
        nodes = self._names(hints.get("forNodes"), "forNodes")
        metadata = {
            **self._place(endpoint),
            "hint_zones": ",".join(zones),
            "hostname": self._optional(endpoint.get("hostname"), "a hostname"),
            "pod": self._pod(endpoint.get("targetRef")),
        }
        return Record(
            host=host,
            fitness=self._fitness(endpoint.get("conditions")),
            metadata={name: text for name, text in metadata.items() if text},
            zones=zones,
            nodes=nodes,
        )

    def _fitness(self, value: Any) -> Fitness:
        conditions = self._mapping(value, "conditions", optional=True)
        ready, serving, terminating = (
            self._condition(conditions.get(name)) for name in ("ready", "serving", "terminating")
        )
        # Unknown is ready, serving as ready, and not terminating. With
        # publishNotReadyAddresses an endpoint is said to be ready whatever it is.
        if ready is not False:
            return Fitness.READY
        return Fitness.LEAVING if serving and terminating else Fitness.NONE

    def _condition(self, value: Any) -> bool | None:
        if value is not None and not isinstance(value, bool):
            raise self.error("a condition", value)
        return value

    def _place(self, endpoint: Mapping[Any, Any]) -> dict[str, str | None]:
        topology = {
            **self._texts(endpoint.get("deprecatedTopology"), "deprecatedTopology"),
            **self._texts(endpoint.get("topology"), "a topology"),
        }
        zone = self._optional(endpoint.get("zone"), "a zone")
        node = self._optional(endpoint.get("nodeName"), "a nodeName")
        return {
            "zone": zone or topology.get(_ZONES[0]) or topology.get(_ZONES[1]),
            "region": topology.get(_REGION),
            "node": node or topology.get(_HOST),
        }

    def _pod(self, value: Any) -> str | None:
        reference = self._mapping(value, "a targetRef", optional=True)
        name = self._optional(reference.get("name"), "the name of a targetRef")
        return name if reference.get("kind") == "Pod" else None

    def _names(self, value: Any, what: str) -> tuple[str, ...]:
        items = (self._mapping(item, what) for item in self._list(value, what))
        return tuple(self._text(item.get("name"), f"a name in {what}") for item in items)

    def _mapping(self, value: Any, what: str, *, optional: bool = False) -> Mapping[Any, Any]:
        if value is None and optional:
            return {}
        if not isinstance(value, Mapping):
            raise self.error(what, value)
        return value

    def _list(self, value: Any, what: str) -> list[Any]:
        # What Go calls an empty list may come as null, or not at all.
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(what, value)
        return value

    def _texts(self, value: Any, what: str) -> Mapping[str, str]:
        texts = self._mapping(value, what, optional=True)
        if not all(isinstance(one, str) for pair in texts.items() for one in pair):
            raise self.error(what, value)
        return texts

    def _text(self, value: Any, what: str) -> str:
        if not isinstance(value, str) or not value:
            raise self.error(what, value)
        return value

    def _optional(self, value: Any, what: str) -> str | None:
        if value is not None and not isinstance(value, str):
            raise self.error(what, value)
        return value
