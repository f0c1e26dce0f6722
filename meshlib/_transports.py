"""
The mesh as an httpx transport, for a client of your own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import anyio
import httpx

from . import _clock
from ._fork import survive_fork
from ._public import public
from ._surroundings import Timekeeper, surroundings
from ._wiring import tell_unused, the_mesh, wire_options
from .events import Listener
from .runtime import Mesh, Tenant
from .telemetry import CallReport
from .transport import (
    HTTPX,
    AsyncDriver,
    AsyncForeignWire,
    AsyncWire,
    Driver,
    ForeignWire,
    MultiplexedWire,
    Sdk,
    Wire,
)

T = TypeVar("T")
"""What really sends: a transport of the library."""


class BlockingTransport(Driver, Generic[T]):
    """
    A transport of the library *sdk* that sends each request as a call of a mesh.

    Takes the arguments of `MeshClient` that concern a transport: *name*, *config*,
    *services*, *discovery*, *listeners*, or *mesh* to share one; and what really sends:
    *transport*, or the options of its `HTTPTransport` for connections of the mesh's own.
    An option that cannot be honoured raises ConfigurationError.

    Thread-safe; usable in a forked child. Closing it twice is fine.
    """

    sdk: ClassVar[Sdk]

    def __init__(
        self,
        name: str | None = None,
        *,
        config: Any = None,
        services: Mapping[str, Any] | None = None,
        discovery: Any = None,
        mesh: Mesh | Tenant | None = None,
        transport: T | None = None,
        listeners: Iterable[Listener] = (),
        sleep: Callable[[float], object] | None = None,
        **options: Any,
    ) -> None:
        given: Any = transport
        self._given = given
        sender = self.fit(surroundings().transport) if given is None else given
        chosen = wire_options(sender, options if sender is given else {}, self.sdk)
        self.mesh, self._owns_mesh = the_mesh(mesh, name, config, services, discovery, listeners)
        tell_unused(self.mesh, self._given)
        wire: ForeignWire | Wire
        if chosen is None:
            wire = ForeignWire(sender, self.sdk)
        else:
            wire = Wire(chosen, self.sdk, self.mesh.clock)
            survive_fork(wire)
        self.mesh.mirroring.send_by(chosen, sender)
        self.mesh.on_retire(wire.retire)
        self.caller = mesh if isinstance(mesh, Tenant) else self.mesh
        if sleep is None:
            clock = self.mesh.clock
            sleep = clock.sleep if isinstance(clock, Timekeeper) else _clock.sleep
        super().__init__(self.caller, wire, sdk=self.sdk, sleep=sleep)

    @staticmethod
    def fit(transport: Any) -> Any:
        """*transport*, which is of httpx or None, for the clients of this library."""
        return transport

    def explain(self, request: Any) -> CallReport:
        """What a call for *request* would do, without sending anything."""
        self.check_scheme(request.url)
        return self.caller.explain(request)

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


class SuspendingTransport(AsyncDriver, Generic[T]):
    """
    An asynchronous transport of *sdk* that sends each request as a call of a mesh.

    Takes the arguments of the blocking one, with an asynchronous *transport*. Usable from
    several event loops, on asyncio and trio, and in a forked child. Closing it twice is
    fine; it closes the connections of the event loop it is called in.
    """

    sdk: ClassVar[Sdk]

    def __init__(
        self,
        name: str | None = None,
        *,
        config: Any = None,
        services: Mapping[str, Any] | None = None,
        discovery: Any = None,
        mesh: Mesh | Tenant | None = None,
        transport: T | None = None,
        listeners: Iterable[Listener] = (),
        sleep: Callable[[float], Any] | None = None,
        **options: Any,
    ) -> None:
        given: Any = transport
        self._given = given
        sender = self.fit(surroundings().transport) if given is None else given
        chosen = wire_options(sender, options if sender is given else {}, self.sdk)
        self.mesh, self._owns_mesh = the_mesh(mesh, name, config, services, discovery, listeners)
        tell_unused(self.mesh, self._given)
        wire: AsyncForeignWire | AsyncWire
        if chosen is None:
            wire = AsyncForeignWire(sender, self.sdk)
        else:
            kind = MultiplexedWire if chosen.http2 else AsyncWire
            wire = kind(chosen, self.sdk, self.mesh.clock)
            survive_fork(wire)
        self.mesh.mirroring.send_by(chosen, sender)
        self.mesh.on_retire(wire.retire)
        self.mesh.stalls.serve()
        self.caller = mesh if isinstance(mesh, Tenant) else self.mesh
        if sleep is None:
            clock = self.mesh.clock
            sleep = clock.asleep if isinstance(clock, Timekeeper) else anyio.sleep
        super().__init__(self.caller, wire, sdk=self.sdk, sleep=sleep)

    @staticmethod
    def fit(transport: Any) -> Any:
        """*transport*, which is of httpx or None, for the clients of this library."""
        return transport

    def explain(self, request: Any) -> CallReport:
        """What a call for *request* would do, without sending anything."""
        self.check_scheme(request.url)
        return self.caller.explain(request)

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


@public
class MeshTransport(BlockingTransport[httpx.BaseTransport], httpx.BaseTransport):
    """
    An httpx transport that sends each request as a call of a mesh.

    Takes the arguments of `MeshClient` that concern a transport: *name*, *config*,
    *services*, *discovery*, *listeners*, or *mesh* to share one; and what really sends:
    *transport*, or the options of `httpx.HTTPTransport` for connections of the mesh's own.
    An option that cannot be honoured raises ConfigurationError.

    Thread-safe; usable in a forked child. Closing it twice is fine.
    """

    sdk = HTTPX

    if TYPE_CHECKING:

        def handle_request(self, request: httpx.Request) -> httpx.Response: ...


@public
class AsyncMeshTransport(SuspendingTransport[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport):
    """
    An asynchronous httpx transport that sends each request as a call of a mesh.

    Takes the arguments of `MeshTransport`, with an asynchronous *transport*. Usable from
    several event loops, on asyncio and trio, and in a forked child. Closing it twice is
    fine; it closes the connections of the event loop it is called in.
    """

    sdk = HTTPX

    if TYPE_CHECKING:

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response: ...
