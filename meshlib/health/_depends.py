"""
Whether a service that this process depends on can be called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._checker import CheckFailedError


def dependency(mesh: Any, service: str) -> Callable[[], None]:
    """
    A check that fails when no endpoint of *service* would take a call.

    *mesh* is a mesh or a client; all that is asked of it is `metrics()`.
    """
    mesh = getattr(mesh, "mesh", mesh)

    def check() -> None:
        measured = mesh.metrics().services.get(service)
        if measured is None:
            raise CheckFailedError(f"the mesh knows no service {service!r} yet")
        endpoints = measured.endpoints.values()
        if not endpoints:
            why = measured.discovery_error
            raise CheckFailedError("no endpoint is known" + (f": {why}" if why else ""))
        # An open breaker that would let a probe through counts as one that lets calls
        # through: without calls, which end when this process is not ready, it never closes.
        if not any(endpoint.admits for endpoint in endpoints):
            raise CheckFailedError("the circuit of every endpoint is open")
        if not any(endpoint.healthy for endpoint in endpoints):
            raise CheckFailedError("every endpoint is unhealthy")
        if not any(endpoint.admits and endpoint.healthy for endpoint in endpoints):
            raise CheckFailedError("every endpoint is unhealthy, or its circuit is open")

    return check
