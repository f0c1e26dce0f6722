"""Real servers for applications, in a thread of the test, on a loopback port."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest

_PATIENCE = 30.0
"""Seconds after which a wait is given up as hanging; a passing test never gets near it."""


@contextmanager
def _thread(target: Callable[[], Any]) -> Iterator[None]:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(_PATIENCE)
        assert not thread.is_alive(), "the server never ended"


@contextmanager
def uvicorn_server(app: Any, *, force: bool = False, **options: Any) -> Iterator[str]:
    """uvicorn, speaking with h11 unless *options* say otherwise; its URL. *force* cuts off."""
    import uvicorn

    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    listener = socket.create_server(("127.0.0.1", 0))
    given = {"http": "h11", "ws": "none", "log_config": None, **options}
    server = Server(uvicorn.Config(app, **given))
    scheme = "https" if "ssl_context_factory" in options else "http"
    with _thread(lambda: asyncio.run(server.serve([listener]))):
        assert ready.wait(_PATIENCE)
        try:
            yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit, server.force_exit = True, force
    listener.close()


@contextmanager
def hypercorn_server(app: Any, config: Any = None) -> Iterator[str]:
    """Hypercorn, by a *config* of its own kind, which may speak TLS; its URL."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    ready = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    listener = socket.create_server(("127.0.0.1", 0))
    config = config or Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.errorlog = logging.getLogger("hypercorn.of.tests")

    async def main() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        ready.set()
        await serve(app, config, shutdown_trigger=stop.wait)

    scheme = "https" if config.ssl_enabled else "http"
    url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    with _thread(lambda: asyncio.run(main())):
        assert ready.wait(_PATIENCE)
        try:
            yield url
        finally:
            loop, stop = loops[0]
            loop.call_soon_threadsafe(stop.set)
    listener.detach()  # its server has closed the descriptor


@contextmanager
def waitress_server(app: Any) -> Iterator[str]:
    """Waitress; its URL."""
    waitress = pytest.importorskip("waitress.server", reason="waitress is not installed")

    sockets: dict[int, Any] = {}
    server: Any = waitress.create_server(
        app, host="127.0.0.1", port=0, map=sockets, asyncore_use_poll=True
    )

    def run() -> None:
        try:
            server.run()
        except OSError:
            pass  # closing its sockets is how it is ended

    def close() -> None:
        for channel in list(server.active_channels.values()):
            channel.handle_close()  # `close_all` leaves the files of long bodies open
        waitress.wasyncore.close_all(sockets)

    with _thread(run):
        try:
            yield f"http://127.0.0.1:{server.effective_port}"
        finally:
            server.task_dispatcher.shutdown()
            with suppress(OSError):  # it has ended by itself
                server.trigger.pull_trigger(close)


@contextmanager
def wsgiref_server(app: Any) -> Iterator[str]:
    """The standard library's server; its URL."""

    class Handler(WSGIRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Be quiet."""

    class Server(WSGIServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Be quiet about clients that have left."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.set_app(app)
        with _thread(lambda: server.serve_forever(0.01)):
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
