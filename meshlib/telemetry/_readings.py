"""
How the instruments of a mesh's state are read off `MeshMetrics`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable

from ._metrics import MeshMetrics, MirrorMetrics, ServiceMetrics

Values = Iterable[tuple[tuple[str, ...], float]]
"""Values of the attributes of an instrument after the mesh, and what is observed for them."""

_BREAKERS = ("closed", "open", "half_open", "isolated")
_FOUND = ("healthy", "unhealthy", "unknown", "unchecked")
_CANARIES = ("waiting", "progressing", "paused", "promoting", "promoted", "rolled_back")


def each(
    read: Callable[[ServiceMetrics], Iterable[tuple[str, float]]],
) -> Callable[[MeshMetrics], Values]:
    """Of each service, by its name and a state."""

    def values(mesh: MeshMetrics) -> Values:
        for service in mesh.services.values():
            for state, number in read(service):
                yield (service.name, state), number

    return values


def one(read: Callable[[ServiceMetrics], float | None]) -> Callable[[MeshMetrics], Values]:
    """Of each service, by its name; None is no observation."""

    def values(mesh: MeshMetrics) -> Values:
        for service in mesh.services.values():
            number = read(service)
            if number is not None:
                yield (service.name,), number

    return values


def of_mirrors(
    read: Callable[[MirrorMetrics], Iterable[tuple[str, float]]],
) -> Callable[[MeshMetrics], Values]:
    """Of each mirror, by service, name and a state."""

    def values(mesh: MeshMetrics) -> Values:
        for service in mesh.services.values():
            for name, mirror in service.mirrors.items():
                for state, number in read(mirror):
                    yield (service.name, name, state), number

    return values


def breakers(service: ServiceMetrics) -> Iterable[tuple[str, int]]:
    """Its endpoints by the state of their breaker."""
    states = Counter(endpoint.breaker for endpoint in service.endpoints.values())
    for state in _BREAKERS:  # also those that no endpoint is in, which alerts compare with 0
        yield state, states[state]


def checks(service: ServiceMetrics) -> Iterable[tuple[str, int]]:
    """Its endpoints by what active checks found."""
    states = Counter(endpoint.checked for endpoint in service.endpoints.values())
    for state in _FOUND:
        yield state, states[state]


def copies(mirror: MirrorMetrics) -> Iterable[tuple[str, int]]:
    """What became of the copies."""
    yield "offered", mirror.offered
    yield "sent", mirror.sent
    yield "failed", mirror.failed
    yield "dropped", sum(mirror.dropped.values())


def comparisons(mirror: MirrorMetrics) -> Iterable[tuple[str, int]]:
    """What came of the comparisons."""
    yield "equal", mirror.compared - mirror.different
    yield "different", mirror.different


def weights(mesh: MeshMetrics) -> Values:
    """The share of each canary."""
    for service in mesh.services.values():
        for route, canary in service.canaries.items():
            yield (service.name, f"{service.name}/{route}", canary.revision), canary.weight


def states(mesh: MeshMetrics) -> Values:
    """Every state of each canary, with 1 for the one that it is in."""
    for service in mesh.services.values():
        for route, canary in service.canaries.items():
            for state in _CANARIES:
                place = service.name, f"{service.name}/{route}", canary.revision
                yield (*place, state), int(canary.state == state)


def active(mesh: MeshMetrics) -> Values:
    """What is being served."""
    if mesh.inbound is not None:
        yield (), mesh.inbound.in_flight


def limit(mesh: MeshMetrics) -> Values:
    """What may be served at once."""
    if mesh.inbound is not None and mesh.inbound.limit is not None:
        yield (), mesh.inbound.limit


def certificates(mesh: MeshMetrics) -> Values:
    """When each certificate expires."""
    for name, instant in mesh.certificates.items():
        if instant != math.inf:
            yield (name,), instant


def held(service: ServiceMetrics) -> float | None:
    """Endpoints that are held; None for a fixed list."""
    return None if service.discovery_age is None else service.discovery_held
