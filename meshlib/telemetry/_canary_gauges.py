"""
OpenTelemetry gauges of canaries: their shares and their states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from ._metrics import CanaryMetrics, MeshMetrics

_STATES = ("waiting", "progressing", "paused", "promoting", "promoted", "rolled_back")


def observe_canaries(meter: Meter, measured: Callable[[], Iterable[MeshMetrics]]) -> None:
    """
    Make the gauges, which read *measured* when they are collected.

    Of two meshes with one name, as a sync and an async client that do not share theirs,
    the canary of the last one is observed.
    """

    def found() -> Iterable[tuple[dict[str, Any], CanaryMetrics]]:
        last: dict[tuple[str, str, str], CanaryMetrics] = {}
        for mesh in measured():
            for service in mesh.services.values():
                for route, canary in service.canaries.items():
                    last[mesh.name, service.name, route] = canary
        for (mesh_name, service_name, route), canary in last.items():
            yield (
                {
                    "meshlib.mesh": mesh_name,
                    "meshlib.service": service_name,
                    "meshlib.route": f"{service_name}/{route}",
                    "meshlib.canary.revision": canary.revision,
                },
                canary,
            )

    def weights(_: CallbackOptions) -> Iterator[Observation]:
        for about, canary in found():
            yield Observation(canary.weight, about)

    def states(_: CallbackOptions) -> Iterator[Observation]:
        for about, canary in found():
            for state in _STATES:  # also those it is not in, which alerts compare with 0
                yield Observation(int(canary.state == state), {**about, "state": state})

    meter.create_observable_gauge(
        "meshlib.canary.weight",
        [weights],
        unit="1",
        description="The share of the calls that a canary gets, from 0 to 1.",
    )
    meter.create_observable_gauge(
        "meshlib.canary.state",
        [states],
        unit="{canary}",
        description="1 for the state that a canary is in, 0 for the others.",
    )
