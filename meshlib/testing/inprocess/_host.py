"""
An application that is running: started once, serving requests, and ended in order.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import anyio

from ._asgi import ASGIExchange
from ._home import Home
from ._lifespan import Lifespan
from ._link import Link
from ._wsgi import WSGIExchange

_MOMENT = 0.25
"""Seconds in which the application may finish what nobody waits for, as under a server."""


class ASGIHost:
    """An ASGI application on *home*; `start` and `stop` run there, `serve` anywhere."""

    def __init__(self, app: Any, lifespan: str, home: Home) -> None:
        self._home = home
        self._app = app
        self._mode = lifespan
        self._exchanges: set[ASGIExchange] = set()
        self._idle: anyio.Event | None = None

    async def start(self) -> None:
        """Start the application up; raises LifespanError."""
        self._lifespan = Lifespan(self._app, self._mode, self._home)
        await self._lifespan.startup()

    def serve(self, link: Link) -> None:
        """Begin to serve the request of *link*."""
        self._home.run_soon(lambda: self._begin(link))

    def _begin(self, link: Link) -> None:
        exchange = ASGIExchange(link, self._lifespan.state)
        link.end.incoming.on_end = _Leaving(self._home, exchange)
        self._exchanges.add(exchange)

        async def run() -> None:
            try:
                await exchange.run()
            finally:
                self._exchanges.discard(exchange)
                if self._idle is not None and not self._exchanges:
                    self._idle.set()

        self._home.spawn(run, link.context)

    async def stop(self, grace: float) -> None:
        """
        Let requests end, and shut the application down; raises LifespanError.

        What still answers, or runs after a response, gets *grace* seconds; what works for a
        client that has gone, and has not asked whether it has, only a moment. The rest is
        cancelled.
        """
        await self._ended(min(grace, _MOMENT))
        self._cancel([exchange for exchange in self._exchanges if exchange.forsaken])
        await self._ended(grace)
        self._cancel(list(self._exchanges))
        await self._ended(None)
        await self._lifespan.shutdown(grace)

    @staticmethod
    def _cancel(exchanges: list[ASGIExchange]) -> None:
        for exchange in exchanges:
            exchange.cancel()

    async def _ended(self, limit: float | None) -> None:
        """Return when no request is left, or after *limit* seconds."""
        if self._exchanges:
            self._idle = anyio.Event()
            with anyio.move_on_after(math.inf if limit is None else limit):
                await self._idle.wait()


class _Leaving:
    """Tells an exchange on its loop that its client has left."""

    def __init__(self, home: Home, exchange: ASGIExchange) -> None:
        self._home = home
        self._exchange = exchange

    def ring(self) -> None:
        """Tell it, from any thread."""
        try:
            self._home.run_soon(self._exchange.left)
        except RuntimeError:
            pass  # the loop has ended, and the application with it


class WSGIHost:
    """A WSGI application in threads. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def serve(self, link: Link) -> None:
        """Begin to serve the request of *link*."""
        thread = threading.Thread(target=self._run, args=(link,), name="meshlib-wsgi", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _run(self, link: Link) -> None:
        try:
            link.context.run(WSGIExchange(link).run)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def stop(self, grace: float) -> None:
        """Wait up to *grace* seconds for requests to end; a thread cannot be cancelled."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(grace)
