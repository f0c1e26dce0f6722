"""
What both clients do with the arguments they take besides httpx's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._options_of_calls import PlainOptions

if TYPE_CHECKING:
    from .runtime import Mesh

_PLAIN = PlainOptions.__optional_keys__


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the wire, and those of the httpx client."""
    from .transport import WIRE_OPTION_NAMES  # with the first client, not with its class

    wire = {name: value for name, value in options.items() if name in WIRE_OPTION_NAMES}
    rest = {name: value for name, value in options.items() if name not in wire}
    return wire, rest


def check_service(mesh: Mesh, name: str) -> None:
    """Raise NoEndpointError when *mesh* knows no service called *name*."""
    mesh.service(name)


def service_url(mesh: Mesh, name: Any, path: str) -> str:
    """
    The URL of *path* at the service called *name*.

    Raises NoEndpointError when no service has that name: it cannot be an outside origin.
    """
    text = str(name)
    mesh.service(text)
    return f"http://{text}{path}" if path.startswith("/") else f"http://{text}/{path}"


def refuse_body(method: str, options: Mapping[str, Any]) -> None:
    """
    Raise TypeError for an option that *method* does not take, such as a body.

    httpx's functions for GET, HEAD, OPTIONS and DELETE have no such argument; its
    `request` sends a body with any method.
    """
    for name in options:
        if name not in _PLAIN:
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")
