"""
What all parts of a mesh have counted, gathered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..telemetry import MeshMetrics, measure

if TYPE_CHECKING:
    from ._mesh import Mesh


def metrics_of(mesh: Mesh) -> MeshMetrics:
    """What every service and endpoint of *mesh* has done so far, and its state now."""
    return measure(
        mesh.name,
        mesh.directory.everything(),
        mesh.discovering.supervisors,
        mesh.clock(),
        mesh.mirroring.counts(),
        mesh.canarying.measured(),
        inbound=mesh.serving.counts(),
        certificates=mesh.certifying.expiries(),
        stalls=(mesh.stalls.count, mesh.stalls.seconds),
    )
