"""
Where endpoints and this application are: region, zone and sub-zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from .._models import Endpoint


class Locality(NamedTuple):
    """A place; an empty part is not known."""

    region: str = ""
    zone: str = ""
    sub_zone: str = ""


NOWHERE = Locality()


def parse_locality(text: str) -> Locality:
    """
    Read `zone`, `region/zone` or `region/zone/sub_zone`, Istio's notation; empty is nowhere.

    Raises ValueError for anything else.
    """
    parts = text.split("/")
    if not text:
        return NOWHERE
    if len(parts) > len(NOWHERE) or not all(part and part == part.strip() for part in parts):
        raise ValueError(
            f"{text!r} is no place; write a zone, region/zone, or region/zone/sub_zone"
        )
    return Locality(zone=text) if len(parts) == 1 else Locality(*parts)


def zone_of(endpoint: Endpoint) -> str:
    """Read the zone that the metadata of *endpoint* names; empty when it names none."""
    return endpoint.metadata.get("zone", "")


def zone_rank(endpoint: Endpoint, own: Locality) -> int:
    """
    Tell the own zone, 0, from all others, 1.

    The zone's name decides, unless the endpoint says that it is in another region.
    """
    metadata = endpoint.metadata
    region = metadata.get("region", own.region)
    return int(metadata.get("zone") != own.zone or (own.region != "" and region != own.region))


def locality_rank(endpoint: Endpoint, own: Locality) -> int:
    """
    Count how far *endpoint* is from *own*: the parts that differ, beginning with the last.

    In another region everything differs, however its zones are called (Istio's
    `failoverPriority`). Only the parts that *own* knows count.
    """
    known = [(name, part) for name, part in zip(own._fields, own, strict=True) if part]
    for same, (name, part) in enumerate(known):
        if endpoint.metadata.get(name) != part:
            return len(known) - same
    return 0


class HasEndpoint(Protocol):
    """An endpoint with something beside it, such as a target."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it is."""


def zone_counts(candidates: Iterable[HasEndpoint]) -> Counter[str]:
    """Count *candidates* by zone; those that name none are in a zone of their own."""
    return Counter(zone_of(candidate.endpoint) for candidate in candidates)
