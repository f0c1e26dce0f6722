"""Real application servers that speak TLS, in a thread of the test, on a loopback port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from meshlib.integrations.uvicorn import tls_options
from meshlib.security import ReloadingContext

from . import ScriptedServer
from .application_servers import hypercorn_server, uvicorn_server

Serve = Callable[[ReloadingContext], AbstractContextManager[str]]


async def who(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers with the certificate (DER) of who asks."""
    if scope["type"] == "lifespan":
        return
    await receive()
    told = scope.get("extensions", {}).get("meshlib.tls", {})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": told.get("peer") or b""})


@contextmanager
def uvicorn_tls(context: ReloadingContext, app: Any = who) -> Iterator[str]:
    """uvicorn, with the protocols that tell who asks; its URL."""
    options = {"lifespan": "off", **tls_options(context)}
    with uvicorn_server(app, force=True, **options) as url:
        yield url


@contextmanager
def hypercorn_tls(context: ReloadingContext, app: Any = who) -> Iterator[str]:
    """Hypercorn, which speaks HTTP/2; its URL."""
    from meshlib.integrations.hypercorn import TLSConfig

    config = TLSConfig(context)
    config.graceful_timeout = 0.1
    with hypercorn_server(app, config) as url:
        yield url


@contextmanager
def scripted_tls(context: ReloadingContext) -> Iterator[str]:
    """A `ScriptedServer`, which answers 200 to everything; its URL."""
    with ScriptedServer(tls=context) as server:
        yield server.url
