"""
The mesh in front of an ASGI application.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from .._exceptions import DeadlineExceededError
from ..health import ProcessHealth
from ..inbound import Arrival
from ._answers import send_answer
from ._bounded import on_asyncio, on_trio
from ._exchange import ASGIApp, BoundExchange, Exchange, Receive, Scope, Send
from ._faulty import faulty
from ._heads import HeadOfScope
from ._health_asgi import HealthASGI
from ._permission import Permission
from ._probes import ProbePaths
from ._watch import Watch
from ._websocket import serve_websocket


class MeshMiddleware:
    """
    Serves the requests of *app* as `mesh.inbound` decides; a pure ASGI middleware.

    *mesh* is a `Mesh` or a client. A refused request is answered without the application.
    Any other is served with its deadline, priority, tenant and chain in force for all calls
    made for it. When its deadline passes, what serves it is cancelled, as `asyncio.timeout`
    or a cancel scope of trio does it, and answered by 504, or cut off if the answer has
    begun. A permit is held until the answer is complete.

    *probes* answers probes of *health* at `<probes>/live`, `/ready` and `/startup`, or at the
    paths of a mapping, before everything else: they are not shed, authorised or logged.
    *details* says who is told more than a status; by default nobody.

    The handshake of a websocket is decided about like a request; what comes after it has no
    deadline and no limit. Lifespan passes through untouched, and errors as they are. For
    asyncio and trio; may serve on several event loops at once.
    """

    def __init__(
        self,
        app: ASGIApp,
        mesh: Any,
        *,
        probes: str | Mapping[str, str] | None = None,
        health: ProcessHealth | None = None,
        details: Permission | None = None,
    ) -> None:
        self._app = app
        self.health = health or ProcessHealth()
        self._probes = ProbePaths(probes)
        self._health_app = HealthASGI(self.health, details=details)
        self._lock = threading.Lock()
        self._watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()
        self._watch: Watch | None = None
        self.use(mesh)

    def use(self, mesh: Any) -> None:
        """Serve as *mesh* decides from now on."""
        mesh = getattr(mesh, "mesh", mesh)
        self._arrive = mesh.inbound.arrive
        self._clock = mesh.clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of a server."""
        kind = scope["type"]
        if kind != "http":
            if kind == "websocket":
                arrival = self._arrive(HeadOfScope(scope))
                await serve_websocket(self._app, arrival, scope, receive, send)
            else:
                await self._app(scope, receive, send)
            return
        if scope["path"] in self._probes.paths or (self._probes.paths and scope.get("root_path")):
            probe = self._probes.of(scope["path"], scope.get("root_path", ""))
            if probe is not None:
                await self._health_app.answer(probe, scope, send)
                return
        arrival = self._arrive(HeadOfScope(scope))
        refusal = arrival.refusal
        if refusal is not None:
            try:
                await send_answer(send, refusal, scope["method"])
            finally:
                arrival.finish(refusal.status, None)
            return
        deadline = arrival.deadline
        if deadline is not None:
            await self._bound(arrival, deadline, scope, receive, send)
            return
        exchange = Exchange(arrival, scope, send)
        app = self._app if arrival.fault is None else faulty(self._app, arrival.fault)
        try:
            with arrival:
                await app(scope, receive, exchange.send)
        except BaseException as error:
            arrival.finish(exchange.status, error)
            raise
        if not arrival.ended:
            arrival.finish(exchange.status)

    async def _bound(
        self, arrival: Arrival, deadline: float, scope: Scope, receive: Receive, send: Send
    ) -> None:
        exchange = BoundExchange(arrival, scope, send, self._clock, deadline)
        app = self._app if arrival.fault is None else faulty(self._app, arrival.fault)
        loop = asyncio._get_running_loop()
        try:
            with arrival:
                if loop is None:
                    in_time = await on_trio(app, scope, receive, exchange)
                else:
                    watch = self._watch
                    if watch is None or watch.loop is not loop:
                        watch = self._watch_of(loop)
                    in_time = await on_asyncio(app, scope, receive, exchange, watch)
            if not in_time:
                await exchange.end_late()
        except DeadlineExceededError as error:
            if exchange.started or exchange.remaining > 0:
                exchange.finish(error)
                raise
            # A call was told to end, and ended just before the application was.
            await exchange.end_late()
        except BaseException as error:
            exchange.finish(error)
            raise
        if not arrival.ended:
            exchange.finish()

    def _watch_of(self, loop: asyncio.AbstractEventLoop) -> Watch:
        with self._lock:
            watch = self._watches.get(loop)
            if watch is None:
                watch = self._watches[loop] = Watch(loop)
            self._watch = watch
        return watch
