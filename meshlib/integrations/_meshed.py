"""
A mesh client that lives as long as an ASGI application.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread

from .._client_async import AsyncMeshClient
from ..health import ProcessHealth
from ..runtime import Registration
from ._asgi import MeshMiddleware
from ._exchange import ASGIApp, Receive, Scope, Send
from ._permission import Permission
from ._served import POLL, RETRY, Served


class Meshed(Served[AsyncMeshClient]):
    """
    An ASGI application in a mesh: middleware, probes, a client, and its registration.

    `install` fits it to FastAPI and Starlette, `wrap` to an application that has no
    lifespan, such as Django's; `running` is for a lifespan of your own. *name* and
    *options* are those of an `AsyncMeshClient`, which is made with the application and
    closed with it; *mesh*, among them, shares one that stays open.

    Probes are answered at *probes*; *details* are for whom it permits. A *registration*, or
    several, are started once the startup checks of *health* have passed.

    At the end readiness fails, the registration is taken back, requests in flight get
    *patience* seconds, 10 by default, and the client is closed. A server runs the end of
    the lifespan when it accepts nothing any more: with *sigterm* the first half happens at
    the signal, and the server hears of it *drain* seconds later. It needs the main thread.

    Thread-safe. May be started again after its end. Works for forked children, each of
    which has connections of its own.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        probes: str | Mapping[str, str] | None = "/health",
        details: Permission | None = None,
        health: ProcessHealth | None = None,
        registration: Registration | Iterable[Registration] = (),
        drain: float = 0.0,
        patience: float = 10.0,
        sigterm: bool = False,
        **options: Any,
    ) -> None:
        self._probes = probes
        self._details = details
        super().__init__(
            lambda: AsyncMeshClient(name, **options),
            health=health,
            registration=registration,
            drain=drain,
            patience=patience,
            sigterm=sigterm,
        )
        _ = self.client  # what is wrong with the options is said at once

    async def __call__(self) -> AsyncMeshClient:
        """The client, as a dependency: `Annotated[AsyncMeshClient, Depends(meshed)]`."""
        return self.client

    def middleware(self, app: ASGIApp) -> MeshMiddleware:
        """The middleware around *app*, which serves as this mesh decides."""
        middleware = MeshMiddleware(
            app, self.client, probes=self._probes, health=self.health, details=self._details
        )
        self._middlewares.append(middleware)
        return middleware

    def install(self, app: Any) -> None:
        """Add the middleware to *app*, a FastAPI or a Starlette, and live in its lifespan."""
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[Any]:
            # The client is there before the application begins, and until it has ended;
            # others learn of the process in between.
            async with self._open(), inner(app) as state, self._announced_in_task():
                yield state

        app.router.lifespan_context = lifespan
        app.add_middleware(self.middleware)
        app.state.meshed = self

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """The middleware around *app*, which knows nothing of a lifespan; this does."""
        middleware = self.middleware(app)

        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await self._lifespan(receive, send)
            else:
                await middleware(scope, receive, send)

        return wrapped

    @asynccontextmanager
    async def running(self) -> AsyncIterator[AsyncMeshClient]:
        """Be started inside this block: for a lifespan of your own."""
        async with self._open() as client, self._announced_in_task():
            yield client

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        begun = False
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                begun = True
                await receive()
        except Exception as exc:
            word = "shutdown" if begun else "startup"
            await send({"type": f"lifespan.{word}.failed", "message": str(exc)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[AsyncMeshClient]:
        try:
            self.begin()
            yield self.client
        finally:
            self.forget_sigterm()
            client = self._take_client()
            if client is not None:
                with anyio.CancelScope(shield=True):
                    await client.aclose()

    @asynccontextmanager
    async def _announced_in_task(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(self._announce)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._leave_undrained)
                    with anyio.move_on_after(self._patience):
                        while self.in_flight():  # noqa: ASYNC110 -- requests wake nobody when they end: that would cost each of them
                            await anyio.sleep(POLL)

    async def _announce(self) -> None:
        while not (await self.health.check("startup")).ok:  # noqa: ASYNC110 -- a check has to be asked
            await anyio.sleep(RETRY)
        await anyio.to_thread.run_sync(self.announce)

    def _leave_undrained(self) -> None:
        # The server accepts nothing any more, so there is nobody to drain for.
        self.leave(drain=False)
