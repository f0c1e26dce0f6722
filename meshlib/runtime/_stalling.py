"""
What a mesh does about event loops that stand still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._clock import monotonic
from ..config import MeshConfig
from ..transport import Stalls

if TYPE_CHECKING:
    from ._mesh import Mesh

MEASURED = True
"""Whether loops are watched; tests on busy machines may do without."""


def stalls_of(mesh: Mesh) -> Stalls:
    """
    What *mesh* will know of the loops that its calls run in.

    Time that is not the machine's own does not pass in them, so nothing is measured by it.
    """

    def busy() -> bool:
        services = mesh.directory.everything()
        return any(each.bulkhead.in_flight for each in services) or mesh.routing.is_busy

    threshold = _threshold(mesh, mesh.config)
    return Stalls(threshold, clock=mesh.clock, busy=busy, emit=mesh.emit)


def take_stalls(mesh: Mesh, config: MeshConfig) -> None:
    """Measure as *config* says from now on, if that is not what it said before."""
    if config.stalls != mesh.config.stalls:
        mesh.stalls.take(_threshold(mesh, config))


def _threshold(mesh: Mesh, config: MeshConfig) -> float | None:
    if config.stalls is None or not MEASURED or mesh.clock is not monotonic:
        return None
    return config.stalls.threshold
