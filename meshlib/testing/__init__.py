"""
Proof that an application absorbs failures: faults, endpoints without sockets, quick time.

A *stage* surrounds the code under test: every mesh that it makes goes by the stage's time
and calls its endpoints. A *fault* breaks calls in all of them, and its *handle* tells
whether it fired and what absorbed it. A *cluster* is services whose endpoints are scripts.
*Virtual time* passes at once when everybody waits for it. In pytest these are the fixtures
`mesh_stage`, `mesh`, `fault`, `mesh_cluster` and `mesh_time`.
"""

from __future__ import annotations

from ._cluster import FakeCluster, FakeService
from ._endpoint import FakeEndpoint, Served
from ._handle import Absorber, FaultHandle, Unused
from ._script import HANG, Item, Slow
from ._stage import Stage
from ._virtual import VirtualTime

__all__ = [
    "HANG",
    "Absorber",
    "FakeCluster",
    "FakeEndpoint",
    "FakeService",
    "FaultHandle",
    "Item",
    "Served",
    "Slow",
    "Stage",
    "Unused",
    "VirtualTime",
]
