"""
The mesh as an httpx2 transport, for a client of your own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2

from .._transports import BlockingTransport, SuspendingTransport
from ..telemetry import CallReport
from ._bridge import Bridge
from ._errors import MADE_BY_MESH, adopt
from ._public import public
from ._sdk import HTTPX2


def adopting(function: Callable[..., Any], *arguments: Any) -> Any:
    """What *function* returns; errors that it raises are those of httpx2."""
    try:
        return function(*arguments)
    except MADE_BY_MESH as exc:
        adopt(exc)
        raise


@public
class MeshTransport(BlockingTransport[httpx2.BaseTransport], httpx2.BaseTransport):
    """
    An httpx2 transport that sends each request as a call of a mesh.

    Takes the arguments of `MeshClient` that concern a transport: *name*, *config*,
    *services*, *discovery*, *listeners*, or *mesh* to share one; and what really sends:
    *transport*, or the options of `httpx2.HTTPTransport` for connections of the mesh's own.
    An option that cannot be honoured raises ConfigurationError.

    Thread-safe; usable in a forked child. Closing it twice is fine.
    """

    sdk = HTTPX2

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(name, **options)
        self._begin = partial(adopting, self._begin)

    def check_scheme(self, url: Any) -> None:
        """Raise UnsupportedProtocol for a scheme that the wire, or the service, does not speak."""
        adopting(super().check_scheme, url)

    @staticmethod
    def fit(transport: Any) -> Any:
        """*transport*, which is of httpx or None, for clients of httpx2."""
        return None if transport is None else Bridge(transport)

    def explain(self, request: Any) -> CallReport:
        """What a call for *request* would do, without sending anything."""
        report: CallReport = adopting(super().explain, request)
        return report

    if TYPE_CHECKING:

        def handle_request(self, request: httpx2.Request) -> httpx2.Response: ...


@public
class AsyncMeshTransport(SuspendingTransport[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport):
    """
    An asynchronous httpx2 transport that sends each request as a call of a mesh.

    Takes the arguments of `MeshTransport`, with an asynchronous *transport*. Usable from
    several event loops, on asyncio and trio, and in a forked child. Closing it twice is
    fine; it closes the connections of the event loop it is called in.
    """

    sdk = HTTPX2

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(name, **options)
        self._begin = partial(adopting, self._begin)

    def check_scheme(self, url: Any) -> None:
        """Raise UnsupportedProtocol for a scheme that the wire, or the service, does not speak."""
        adopting(super().check_scheme, url)

    @staticmethod
    def fit(transport: Any) -> Any:
        """*transport*, which is of httpx or None, for clients of httpx2."""
        return None if transport is None else Bridge(transport)

    def explain(self, request: Any) -> CallReport:
        """What a call for *request* would do, without sending anything."""
        report: CallReport = adopting(super().explain, request)
        return report

    if TYPE_CHECKING:

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response: ...
