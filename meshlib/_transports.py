"""
The mesh as an httpx transport, for a client of your own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import anyio
import httpx

from ._exceptions import ConfigurationError
from ._fork import survive_fork
from ._surroundings import Timekeeper, surroundings
from .events import Listener
from .runtime import Mesh, Tenant
from .transport import (
    HTTPX,
    WIRE_OPTION_NAMES,
    AsyncDriver,
    AsyncForeignWire,
    AsyncWire,
    Driver,
    ForeignWire,
    Wire,
    WireOptions,
)

_LOGGER = logging.getLogger("meshlib")
_SLEEP = time.sleep
"""As it is now: what tests put in its place later is for the code under test."""


def wire_options(transport: Any, options: dict[str, Any]) -> WireOptions | None:
    """
    The options of the mesh's own wire, or None when *transport* sends instead.

    Raises ConfigurationError for an option that would silently do nothing, and for one
    that does not exist.
    """
    for name in options:
        if name not in WIRE_OPTION_NAMES:
            raise ConfigurationError(
                f"unknown option {name!r}",
                path=name,
                hint=f"a transport takes {', '.join(WIRE_OPTION_NAMES)}",
            )
    if transport is None:
        return made_now(options)
    if options:
        names = ", ".join(sorted(options))
        raise ConfigurationError(
            f"{names} cannot be honoured together with transport=",
            path=next(iter(options)),
            hint="give these options to the transport that you pass",
        )
    return None


def made_now(options: dict[str, Any]) -> WireOptions:
    """The options of a wire, with what they name looked up: as early as httpx does it."""
    if options.get("proxy") is not None and not isinstance(options["proxy"], httpx.Proxy):
        try:
            options = {**options, "proxy": httpx.Proxy(options["proxy"])}
        except (ValueError, httpx.InvalidURL) as exc:
            raise ConfigurationError(
                str(exc), path="proxy", hint="write it as http://host:port"
            ) from exc
    made = WireOptions(**options)
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


class MeshTransport(Driver):
    """
    An httpx transport that sends each request as a call of a mesh.

    Takes the arguments of `MeshClient` that concern a transport: *name*, *config*,
    *services*, *discovery*, *listeners*, or *mesh* to share one; and what really sends:
    *transport*, or the options of `httpx.HTTPTransport` for connections of the mesh's own.
    An option that cannot be honoured raises ConfigurationError.

    Thread-safe; usable in a forked child. Closing it twice is fine.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        config: Any = None,
        services: Mapping[str, Any] | None = None,
        discovery: Any = None,
        mesh: Mesh | Tenant | None = None,
        transport: httpx.BaseTransport | None = None,
        listeners: Iterable[Listener] = (),
        sleep: Callable[[float], object] | None = None,
        **options: Any,
    ) -> None:
        self._given = transport
        if transport is None:
            transport = surroundings().transport
        chosen = wire_options(transport, options if transport is self._given else {})
        self.mesh, self._owns_mesh = the_mesh(mesh, name, config, services, discovery, listeners)
        tell_unused(self.mesh, self._given)
        wire: ForeignWire | Wire
        if chosen is None:
            wire = ForeignWire(transport, HTTPX)
        else:
            wire = Wire(chosen, HTTPX, self.mesh.clock)
            survive_fork(wire)
        self.mesh.mirroring.send_by(chosen, transport)
        self.mesh.on_retire(wire.retire)
        self.caller = mesh if isinstance(mesh, Tenant) else self.mesh
        if sleep is None:
            clock = self.mesh.clock
            sleep = clock.sleep if isinstance(clock, Timekeeper) else _SLEEP
        super().__init__(self.caller, wire, sdk=HTTPX, sleep=sleep)

    def __enter__(self) -> Self:
        if self._given is not None:
            self._given.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if self._given is None:
            self._wire.close()
        else:
            self._given.__exit__(exc_type, exc_value, traceback)
        if self._owns_mesh:
            self.mesh.close()

    def close(self) -> None:
        """Close the connections, and the mesh when it was made here. Idempotent."""
        self._wire.close()
        if self._owns_mesh:
            self.mesh.close()


class AsyncMeshTransport(AsyncDriver):
    """
    An asynchronous httpx transport that sends each request as a call of a mesh.

    Takes the arguments of `MeshTransport`, with an asynchronous *transport*. Usable from
    several event loops, on asyncio and trio, and in a forked child. Closing it twice is
    fine; it closes the connections of the event loop it is called in.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        config: Any = None,
        services: Mapping[str, Any] | None = None,
        discovery: Any = None,
        mesh: Mesh | Tenant | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        listeners: Iterable[Listener] = (),
        sleep: Callable[[float], Any] | None = None,
        **options: Any,
    ) -> None:
        self._given = transport
        if transport is None:
            transport = surroundings().transport
        chosen = wire_options(transport, options if transport is self._given else {})
        self.mesh, self._owns_mesh = the_mesh(mesh, name, config, services, discovery, listeners)
        tell_unused(self.mesh, self._given)
        wire: AsyncForeignWire | AsyncWire
        if chosen is None:
            wire = AsyncForeignWire(transport, HTTPX)
        else:
            wire = AsyncWire(chosen, HTTPX, self.mesh.clock)
            survive_fork(wire)
        self.mesh.mirroring.send_by(chosen, transport)
        self.mesh.on_retire(wire.retire)
        self.caller = mesh if isinstance(mesh, Tenant) else self.mesh
        if sleep is None:
            clock = self.mesh.clock
            sleep = clock.asleep if isinstance(clock, Timekeeper) else anyio.sleep
        super().__init__(self.caller, wire, sdk=HTTPX, sleep=sleep)

    async def __aenter__(self) -> Self:
        if self._given is not None:
            await self._given.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if self._given is None:
            await self._wire.aclose()
        else:
            await self._given.__aexit__(exc_type, exc_value, traceback)
        if self._owns_mesh:
            self.mesh.close()

    async def aclose(self) -> None:
        """Close the connections, and the mesh when it was made here. Idempotent."""
        await self._wire.aclose()
        if self._owns_mesh:
            self.mesh.close()
