"""
A mesh in a FastAPI application.

    meshed = Meshed("shop", config="mesh.yaml")
    app = FastAPI()
    meshed.install(app)

    @app.get("/")
    async def index(mesh: MeshDependency): ...
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from .._client_async import AsyncMeshClient
from .._exceptions import ConfigurationError
from ._meshed import Meshed

__all__ = ["MeshDependency", "Meshed", "mesh_client"]


async def mesh_client(connection: HTTPConnection) -> AsyncMeshClient:
    """The client of the application that serves *connection*, where `Meshed` is installed."""
    meshed = getattr(connection.app.state, "meshed", None)
    if not isinstance(meshed, Meshed):
        raise ConfigurationError(
            "no mesh is installed in this application", hint="call Meshed(...).install(app)"
        )
    return meshed.client


MeshDependency = Annotated[AsyncMeshClient, Depends(mesh_client)]
"""The type of a parameter that is given the mesh client of the application."""
