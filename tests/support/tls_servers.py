"""Real application servers that speak TLS, in a thread of the test, on a loopback port."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from meshlib.integrations.uvicorn import tls_options
from meshlib.security import ReloadingContext

from . import ScriptedServer
from .application_servers import _PATIENCE, _thread

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
    import uvicorn

    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, **tls_options(context))
    server = Server(config)
    with _thread(lambda: asyncio.run(server.serve([listener]))):
        assert ready.wait(_PATIENCE)
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
    listener.close()


@contextmanager
def hypercorn_tls(context: ReloadingContext, app: Any = who) -> Iterator[str]:
    """Hypercorn, which speaks HTTP/2; its URL."""
    from hypercorn.asyncio import serve

    from meshlib.integrations.hypercorn import TLSConfig

    ready = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    listener = socket.create_server(("127.0.0.1", 0))
    config = TLSConfig(context)
    config.bind = [f"fd://{listener.fileno()}"]
    config.graceful_timeout = 0.1
    config.errorlog = logging.getLogger("hypercorn.of.tests")

    async def main() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        ready.set()
        await serve(app, config, shutdown_trigger=stop.wait)

    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    with _thread(lambda: asyncio.run(main())):
        assert ready.wait(_PATIENCE)
        try:
            yield url
        finally:
            loop, stop = loops[0]
            loop.call_soon_threadsafe(stop.set)
    listener.detach()  # its server has closed the descriptor


@contextmanager
def scripted_tls(context: ReloadingContext) -> Iterator[str]:
    """A `ScriptedServer`, which answers 200 to everything; its URL."""
    with ScriptedServer(tls=context) as server:
        yield server.url
