"""
What both clients do with the arguments they take besides httpx2's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._client_options import check_service as plain_check
from .._client_options import refuse_body, split_options
from .._client_options import service_url as plain_url
from ._errors import MADE_BY_MESH, adopt

if TYPE_CHECKING:
    from ..runtime import Mesh

__all__ = ["check_service", "refuse_body", "service_url", "split_options"]


def check_service(mesh: Mesh, name: str) -> None:
    """Raise NoEndpointError when *mesh* knows no service called *name*."""
    try:
        plain_check(mesh, name)
    except MADE_BY_MESH as exc:
        adopt(exc)
        raise


def service_url(mesh: Mesh, name: Any, path: str) -> str:
    """
    The URL of *path* at the service called *name*.

    Raises NoEndpointError when no service has that name: it cannot be an outside origin.
    """
    try:
        return plain_url(mesh, name, path)
    except MADE_BY_MESH as exc:
        adopt(exc)
        raise
