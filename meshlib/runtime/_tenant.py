"""
One of several applications that share a mesh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from .._context import tenants
from .._public import public
from ..telemetry import CallReport
from ..transport import Call, Service
from ._directory import Directory

if TYPE_CHECKING:
    from ._mesh import Mesh


@public
class Tenant:
    """
    A mesh as one tenant has it: limits, budgets and routes of its own, endpoints of all.

    Give it to a client, `MeshClient(mesh=mesh.tenant("a"))`, and every call of that client
    is the tenant's. Or enter it: calls made inside `with mesh.tenant("a"):` are the
    tenant's, in sync and async code, whatever client of the mesh makes them. A tenant in
    `CallOptions` comes first.

    Each service has a bulkhead and a retry budget for each tenant, so a tenant that
    overloads a service is refused by itself. Breakers, load and connections are shared,
    unless the document gives the tenant a `breaker`. A tenant that the document does not
    name has limits of the size that the service's are.

    Thread-safe; may be entered many times at once.
    """

    def __init__(self, mesh: Mesh, name: str) -> None:
        self.mesh = mesh
        self.tenant = name

    def __enter__(self) -> Tenant:
        tenants.set((self.tenant, *tenants.get()))
        return self

    def __exit__(self, *_: object) -> None:
        tenants.set(tenants.get()[1:])

    def __repr__(self) -> str:
        return f"<Tenant {self.tenant!r} of {self.mesh!r}>"

    @property
    def name(self) -> str:
        """The name of the mesh."""
        return self.mesh.name

    @property
    def directory(self) -> Directory:
        """The mesh's services."""
        return self.mesh.directory

    def begin(self, request: Any) -> Call:
        """Begin a call of this tenant; raises when no service may take it."""
        return self.mesh.begin(request, self.tenant)

    def explain(self, request: httpx.Request | str) -> CallReport:
        """What a call of this tenant would do, without sending anything."""
        return self.mesh.explain(request, tenant=self.tenant)

    def service(self, name: str) -> Service:
        """The state of the service called *name*; raises NoEndpointError when there is none."""
        return self.mesh.service(name)
