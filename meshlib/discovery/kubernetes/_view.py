"""
Joining the slices of a Service to one list of endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._endpoint import parse_endpoint
from .._records import endpoints_of
from ._choice import Choice
from ._hints import hinted
from ._ports import choose_ports, scheme_of
from ._slices import Fitness, Port, Record, Slice, SliceReader


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A record with its port: an endpoint, or why it cannot be called."""

    record: Record
    url: str
    endpoint: Endpoint | ConfigurationError


class View:
    """
    The slices of one Service as they are known now.

    Only a slice that changed is read anew: one pod of ten thousand concerns one slice of
    a hundred endpoints.
    """

    def __init__(self, choice: Choice, reader: SliceReader, *, service: str, source: str) -> None:
        self._choice = choice
        self._reader = reader
        self._service = service
        self._source = source
        self._slices: dict[str, Slice] = {}
        self._places: dict[str, tuple[Slice, Port, list[_Place]]] = {}

    def replace(self, documents: Iterable[Any]) -> None:
        """Know the slices of *documents*, and no others."""
        read = map(self._read, documents)
        self._slices = {one.name: one for one in read}

    def put(self, document: Any) -> None:
        """Know a slice, in place of the one of its name."""
        one = self._reader.read(document)
        self._slices[one.name] = one

    def _read(self, document: Any) -> Slice:
        known = self._slices.get(self._reader.name(document))
        stamp = self._reader.stamp(document)
        if known is not None and stamp is not None and known.stamp == stamp:
            return known  # as most are in the list that a forgotten version asks for
        return self._reader.read(document)

    def drop(self, document: Any) -> None:
        """Know a slice no more."""
        self._slices.pop(self._reader.name(document), None)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """
        The endpoints to call, each address once.

        Ready ones; when there is none, those that terminate and still serve. Raises
        DiscoveryError when the slices leave open what to call.
        """
        slices = self._of_family()
        ports = choose_ports(slices, self._choice.port, service=self._service, source=self._source)
        places = [self._placed(one, ports[one.name]) for one in slices if one.name in ports]
        self._places = {name: self._places[name] for name in ports}
        fit = _fit(_joined(places))
        endpoints = endpoints_of(fit, _called, service=self._service, source=self._source)
        return self._preferring(endpoints, fit)

    def _of_family(self) -> list[Slice]:
        """The slices with endpoints that have addresses of the wanted kind, in order."""
        slices = [self._slices[name] for name in sorted(self._slices)]
        slices = [one for one in slices if one.records]
        family = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(self._choice.family)
        if family is None:
            # With two families each pod is in two slices, and would count twice.
            found = {one.family for one in slices}
            family = "IPv4" if "IPv4" in found else "IPv6"
        return [one for one in slices if one.family in (family, "FQDN")]

    def _placed(self, one: Slice, port: Port) -> list[_Place]:
        known = self._places.get(one.name)
        if known is None or known[0] is not one or known[1] != port:
            made = [place for record in one.records for place in self._place(one, port, record)]
            known = self._places[one.name] = (one, port, made)
        return known[2]

    def _place(self, one: Slice, port: Port, record: Record) -> list[_Place]:
        if _weighs_nothing(one.weight):
            return []
        host = record.host or ""
        if one.family == "IPv6":
            host = f"[{host}]"
        url = f"{scheme_of(port, self._choice.scheme)}://{host}:{port.number}"
        description = {
            "url": url,
            "weight": one.weight or 1.0,
            "metadata": self._metadata(one, port, record),
        }
        try:
            return [_Place(record, url, parse_endpoint(description))]
        except ConfigurationError as exc:
            return [_Place(record, url, exc)]

    def _metadata(self, one: Slice, port: Port, record: Record) -> Mapping[str, str]:
        kept = {
            name: one.labels[label] for name, label in self._choice.labels if label in one.labels
        }
        said = {} if port.protocol is None else {"app_protocol": port.protocol}
        return MappingProxyType({**kept, **said, **record.metadata})

    def _preferring(
        self, endpoints: tuple[Endpoint, ...], fit: Sequence[_Place]
    ) -> tuple[Endpoint, ...]:
        """*endpoints*, of which those that are hinted for others come second."""
        zone, node = self._choice.zone, self._choice.node
        if (zone is None and node is None) or (fit and fit[0].record.fitness < Fitness.READY):
            return endpoints
        callable_ = [place for place in fit if isinstance(place.endpoint, Endpoint)]
        records = [place.record for place in callable_]
        preferred = hinted(endpoints, records, zone=zone, node=node)
        if preferred is None:
            return endpoints
        urls = {endpoint.url for endpoint in preferred}
        return tuple(one if one.url in urls else replace(one, priority=1) for one in endpoints)


def _joined(places: Iterable[list[_Place]]) -> list[_Place]:
    """
    Each address once.

    While a controller moves an endpoint it may be in two slices; the one that knows it
    fitter counts, since the other is what was or is yet to be.
    """
    joined: dict[str, _Place] = {}
    for some in places:
        for place in some:
            before = joined.get(place.url)
            if before is None or before.record.fitness < place.record.fitness:
                joined[place.url] = place
    return list(joined.values())


def _fit(places: Sequence[_Place]) -> list[_Place]:
    """The ready ones, else those that still serve: as kube-proxy does it since 1.26."""
    for fitness in (Fitness.READY, Fitness.LEAVING):
        found = [place for place in places if place.record.fitness is fitness]
        if found:
            return found
    return []


def _called(place: _Place) -> Endpoint:
    if isinstance(place.endpoint, ConfigurationError):
        raise place.endpoint
    return place.endpoint


def _weighs_nothing(weight: str | None) -> bool:
    try:
        return weight is not None and float(weight) == 0.0
    except ValueError:
        return False
