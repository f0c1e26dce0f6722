"""
What both clients do with the arguments they take besides httpx's own.
"""

from __future__ import annotations

from typing import Any

import httpx

from ._mesh import Mesh
from .transport import WIRE_OPTION_NAMES


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the wire, and those of the httpx client."""
    wire = {name: value for name, value in options.items() if name in WIRE_OPTION_NAMES}
    rest = {name: value for name, value in options.items() if name not in wire}
    return wire, rest


def service_url(mesh: Mesh, name: httpx.URL | str, path: str) -> str:
    """
    The URL of *path* at the service called *name*.

    Raises NoEndpointError when no service has that name: it cannot be an outside origin.
    """
    text = str(name)
    mesh.service(text)
    return f"http://{text}{path}" if path.startswith("/") else f"http://{text}/{path}"
