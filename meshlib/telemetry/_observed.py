"""
The state of a mesh as instruments: what a collector reads off `MeshMetrics`.

One table for every exporter. What happens, as opposed to what is, is recorded from events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import _readings
from ._metrics import MeshMetrics

MESH = "meshlib.mesh"
SERVICE = "meshlib.service"


def _add(one: float, other: float) -> float:
    return one + other


def last(_: float, other: float) -> float:
    """The later one: of two meshes with one name that both have it."""
    return other


@dataclass(frozen=True, slots=True)
class Observed:
    """
    One instrument, named as OpenTelemetry does.

    *attributes* are those beside the mesh, *read* gives what they are. *counts* says that
    it never falls. Two meshes may have one name, as a sync and an async client of an
    application that do not share theirs; *merge* makes one of what both observe.
    """

    name: str
    unit: str
    description: str
    attributes: tuple[str, ...]
    read: Callable[[MeshMetrics], _readings.Values]
    counts: bool = False
    merge: Callable[[float, float], float] = _add


def observe(one: Observed, meshes: Iterable[MeshMetrics]) -> dict[tuple[str, ...], float]:
    """What *one* observes of *meshes*, by the mesh and the values of its attributes."""
    seen: dict[tuple[str, ...], float] = {}
    for mesh in meshes:
        for values, number in one.read(mesh):
            key = (mesh.name, *values)
            seen[key] = one.merge(seen[key], number) if key in seen else number
    return seen


def attributes_of(one: Observed, values: Sequence[str]) -> dict[str, Any]:
    """The attributes of an observation, those that are empty left out."""
    return {name: each for name, each in zip((MESH, *one.attributes), values, strict=True) if each}


def _table() -> Iterator[Observed]:
    one = (SERVICE,)
    state = (SERVICE, "state")
    mirror = (SERVICE, "meshlib.mirror", "state")
    canary = (SERVICE, "meshlib.route", "meshlib.canary.revision")
    yield Observed(
        "meshlib.in_flight",
        "{call}",
        "Calls that are in flight.",
        one,
        _readings.one(lambda s: s.in_flight),
    )
    yield Observed(
        "meshlib.bulkhead.limit",
        "{call}",
        "Calls that may be in flight.",
        one,
        _readings.one(lambda s: s.max_concurrency),
    )
    yield Observed(
        "meshlib.bulkhead.queued",
        "{call}",
        "Calls that wait for their turn.",
        one,
        _readings.one(lambda s: s.queued),
    )
    yield Observed(
        "meshlib.retry_budget",
        "{retry}",
        "Retries that could be made now.",
        one,
        _readings.one(lambda s: s.budget_balance),
    )
    yield Observed(
        "meshlib.retry_guard",
        "{service}",
        "1 while retries are withheld because they feed an overload.",
        one,
        _readings.one(lambda s: int(s.retry_guard)),
        merge=max,
    )
    yield Observed(
        "meshlib.throttle",
        "1",
        "The share of the calls that is refused because few are accepted, from 0 to 1.",
        one,
        _readings.one(lambda s: s.throttle),
        merge=max,
    )
    yield Observed(
        "meshlib.breakers",
        "{endpoint}",
        "Endpoints whose breaker is in a state.",
        state,
        _readings.each(_readings.breakers),
    )
    yield Observed(
        "meshlib.endpoints.ejected",
        "{endpoint}",
        "Endpoints that do worse than their peers and are left out.",
        one,
        _readings.one(lambda s: sum(endpoint.ejected for endpoint in s.endpoints.values())),
    )
    yield Observed(
        "meshlib.checks",
        "{endpoint}",
        "Endpoints that active checks found in a state.",
        state,
        _readings.each(_readings.checks),
    )
    yield Observed(
        "meshlib.panic",
        "{level}",
        "Priorities at which health is ignored, as too few endpoints are healthy.",
        one,
        _readings.one(lambda s: len(s.panic)),
        merge=max,
    )
    yield Observed(
        "meshlib.discovery.age",
        "s",
        "Seconds since the endpoints were known to be right; 0 while they are.",
        one,
        _readings.one(lambda s: s.discovery_age),
        merge=max,
    )
    yield Observed(
        "meshlib.discovery.held",
        "{endpoint}",
        "Endpoints that are kept though the last list lacks them.",
        one,
        _readings.one(_readings.held),
    )
    yield Observed(
        "meshlib.mirror.copies",
        "{request}",
        "Copies of calls: those offered to a mirror, and what became of them.",
        mirror,
        _readings.of_mirrors(_readings.copies),
        counts=True,
    )
    yield Observed(
        "meshlib.mirror.comparisons",
        "{comparison}",
        "Answers to copies that were compared with those to the calls.",
        mirror,
        _readings.of_mirrors(_readings.comparisons),
        counts=True,
    )
    yield Observed(
        "meshlib.canary.weight",
        "1",
        "The share of the calls that a canary gets, from 0 to 1.",
        canary,
        _readings.weights,
        merge=last,
    )
    yield Observed(
        "meshlib.canary.state",
        "{canary}",
        "1 for the state that a canary is in, 0 for the others.",
        (*canary, "state"),
        _readings.states,
        merge=last,
    )
    yield Observed(
        "meshlib.inbound.in_flight",
        "{request}",
        "Requests that are being served.",
        (),
        _readings.active,
    )
    yield Observed(
        "meshlib.inbound.limit",
        "{request}",
        "Requests that may be served at once.",
        (),
        _readings.limit,
    )
    yield Observed(
        "meshlib.certificate.expiry_timestamp",
        "s",
        "When a certificate expires, in seconds since 1970.",
        ("meshlib.certificate",),
        _readings.certificates,
        merge=min,
    )


OBSERVED: tuple[Observed, ...] = tuple(_table())
"""Every instrument that shows a state."""
