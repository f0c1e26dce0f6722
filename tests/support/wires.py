"""The mesh's own connections, used alike by both drivers, with their state in sight."""

from __future__ import annotations

import random
from typing import Any

import httpx

from meshlib import AsyncMeshTransport, CallOptions, Mesh, MeshTransport
from meshlib._clock import monotonic
from meshlib.transport import Service

CALM = {"breaker": False, "outlier": False, "retry": {"backoff": {"initial": 0}}}


class Wired:
    """
    One service, `users`, over a `Wire` or an `AsyncWire`, and words that hold for both.

    *settings* are the service's, *options* those of its connections. Responses come
    unread, so a test holds as many as it likes.
    """

    def __init__(
        self,
        kind: str,
        *urls: str,
        clock: Any = monotonic,
        options: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.kind = kind
        self.mesh = Mesh(
            "test",
            services={"users": {"endpoints": list(urls), **CALM, **settings}},
            clock=clock,
            rng=random.Random(7),
        )
        make = MeshTransport if kind == "sync" else AsyncMeshTransport
        self.transport: Any = make(mesh=self.mesh, **(options or {}))
        self.wire = self.transport._wire

    @property
    def service(self) -> Service:
        """The service."""
        return self.mesh.service("users")

    @property
    def counts(self) -> tuple[int, int]:
        """Connections that are open, and those of them that are idle."""
        return self.wire.open_count, self.wire.idle_count

    @property
    def failures(self) -> int:
        """What was counted against endpoints."""
        return sum(target.failures for target in self.service.targets)

    async def send(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        pool: float | None = None,
        mesh: CallOptions | None = None,
        **options: Any,
    ) -> httpx.Response:
        """The response, its body unread."""
        extensions: dict[str, Any] = {} if mesh is None else {"mesh": mesh}
        extensions["timeout"] = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": pool}
        request = httpx.Request(method, f"http://users{path}", extensions=extensions, **options)
        if self.kind == "sync":
            response: httpx.Response = self.transport.handle_request(request)
        else:
            response = await self.transport.handle_async_request(request)
        return response

    async def call(self, method: str = "GET", path: str = "/", **options: Any) -> httpx.Response:
        """The response, its body read."""
        response = await self.send(method, path, **options)
        await self.read(response)
        return response

    async def read(self, response: httpx.Response) -> bytes:
        """The body of *response*, whose connection is given back then."""
        return response.read() if self.kind == "sync" else await response.aread()

    async def close_response(self, response: httpx.Response) -> None:
        """Close *response* as it is."""
        if self.kind == "sync":
            response.close()
        else:
            await response.aclose()

    async def close(self) -> None:
        """Close every connection of this event loop."""
        if self.kind == "sync":
            self.transport.close()
        else:
            await self.transport.aclose()
        self.mesh.close()
