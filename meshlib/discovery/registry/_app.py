"""
The ASGI application of the registry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from ..._exceptions import ConfigurationError
from ._api import Api, on_database, on_error, on_full, on_http, on_invalid
from ._guard import Guard
from ._ledger import FullError

_SERVICES = "/v1/services"
_SERVICE = f"{_SERVICES}/{{service}}"
_INSTANCE = f"{_SERVICE}/instances/{{id}}"


def make_app(api: Api, write: tuple[bytes, ...], read: tuple[bytes, ...]) -> Starlette:
    """
    The application over *api*, with the tokens for writing and for reading.

    Its lifespan looks after the database; without it, requests and watchers do.
    """
    guarded = [Middleware(Guard, write=write, read=read)]
    routes = [
        Route("/healthz", api.health),
        Route(_SERVICES, api.services, middleware=guarded),
        Route(_SERVICE, api.service, middleware=guarded),
        Route(f"{_SERVICE}/watch", api.watch, middleware=guarded),
        Route(_INSTANCE, api.put, methods=["PUT"], middleware=guarded),
        Route(_INSTANCE, api.delete, methods=["DELETE"], middleware=guarded),
        Route(f"{_INSTANCE}/heartbeat", api.beat, methods=["POST"], middleware=guarded),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        feed = api.feed
        await feed.do(api.ledger.open)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(feed.run)
                yield
                feed.close()
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(api.ledger.close)

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            ConfigurationError: on_invalid,
            Exception: on_error,
            FullError: on_full,
            HTTPException: on_http,
            sqlite3.Error: on_database,
        },
    )
    app.state.api = api
    return app
