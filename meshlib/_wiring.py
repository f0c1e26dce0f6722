"""
What a transport is made of: its mesh, and the options of its connections.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from ._exceptions import ConfigurationError
from ._libraries import check_transport
from ._surroundings import surroundings
from .events import Listener
from .runtime import Mesh, Tenant
from .transport import WIRE_OPTION_NAMES, Sdk, WireOptions, proxy_of

_LOGGER = logging.getLogger("meshlib")


def wire_options(transport: Any, options: dict[str, Any], sdk: Sdk) -> WireOptions | None:
    """
    The options of the mesh's own wire, or None when *transport* sends instead.

    Raises ConfigurationError for an option that would silently do nothing, for one that
    does not exist, and for a transport of another library.
    """
    for name in options:
        if name not in WIRE_OPTION_NAMES:
            raise ConfigurationError(
                f"unknown option {name!r}",
                path=name,
                hint=f"a transport takes {', '.join(WIRE_OPTION_NAMES)}",
            )
    if transport is None:
        return made_now(options, sdk)
    wrong = check_transport(transport, sdk.name)
    if wrong is not None:
        raise ConfigurationError(wrong, path="transport")
    if options:
        names = ", ".join(sorted(options))
        raise ConfigurationError(
            f"{names} cannot be honoured together with transport=",
            path=next(iter(options)),
            hint="give these options to the transport that you pass",
        )
    return None


def made_now(options: dict[str, Any], sdk: Sdk) -> WireOptions:
    """The options of a wire, with what they name looked up: as early as the library does it."""
    if options.get("proxy") is not None:
        try:
            options = {**options, "proxy": proxy_of(sdk, options["proxy"])}
        except (ValueError, sdk.http.InvalidURL) as exc:
            raise ConfigurationError(
                str(exc), path="proxy", hint="write it as http://host:port"
            ) from exc
    made = WireOptions(**options, sdk=sdk)
    if made.verify is not True or made.cert is not None:
        made.context()
    return made


def the_mesh(
    mesh: Mesh | Tenant | None,
    name: str | None,
    config: Any,
    services: Mapping[str, Any] | None,
    discovery: Any,
    listeners: Iterable[Listener],
) -> tuple[Mesh, bool]:
    """The mesh to use, and whether it was made here and is closed with its client."""
    if isinstance(mesh, Tenant):
        mesh = mesh.mesh
    if mesh is None and config is services is discovery is None:
        shared: Mesh | None = surroundings().mesh
        mesh, name = shared, name if shared is None else None
    if mesh is None:
        made = Mesh(
            name, config=config, services=services, discovery=discovery, listeners=listeners
        )
        return made, True
    given = {"name": name, "config": config, "services": services, "discovery": discovery}
    for option, value in given.items():
        if value is not None:
            raise ConfigurationError(
                f"{option} belongs to the mesh, and mesh= brings one already",
                path=option,
                hint=f"give {option}= to Mesh(...)",
            )
    for listener in listeners:
        mesh.listen(listener)
    return mesh, False


def tell_unused(mesh: Mesh, transport: Any) -> None:
    """Warn of credentials in the document that a *transport* of somebody's own knows nothing of."""
    names = [name for name, service in mesh.config.services.items() if service.tls is not None]
    if transport is not None and names:
        _LOGGER.warning(
            "transport= makes connections with TLS of its own, so tls of %s counts for nothing; "
            "give it a context of meshlib.security.client_context",
            ", ".join(names),
        )
