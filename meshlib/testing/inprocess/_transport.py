"""
`InProcess`: the transport that calls applications where they are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.to_thread
import httpx

from ._body import asend, send
from ._context import context_for
from ._endpoint import ASGIEndpoint, WSGIEndpoint, endpoint_of
from ._home import Home, outcome
from ._host import WSGIHost
from ._link import Link
from ._pipe import End
from ._run import Run

_PORTS = {"http": 80, "https": 443}
_Origin = tuple[str, str, int]


class InProcess(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """
    An httpx transport that calls ASGI and WSGI applications without a socket.

    *apps* maps origins, as `http://users-1` or `http://users-1:8080`, to what answers there:
    an application, an `ASGIEndpoint` or a `WSGIEndpoint`, or another httpx transport. Any
    other origin refuses the connection with httpx.ConnectError.

    Each request has a connection in memory with an HTTP/1.1 client at one end and a server
    at the other: timeouts, streaming in both directions, broken responses and clients that
    leave are those of a socket. `https` is not encrypted.

    ASGI applications start up when the transport, or a client with it, is entered, or else
    with the first request: on the event loop of an async client, on one in a thread for a
    sync one. Closing waits *grace* seconds for requests and background tasks, cancels what
    is left, and shuts them down; LifespanError tells of an application that failed.
    It may be opened again. Inside a `with` block, closing is left to the block.

    Thread-safe, and usable from several event loops, sync and async at once.
    """

    def __init__(self, apps: Mapping[str, Any], *, grace: float = 5.0) -> None:
        self._places: dict[_Origin, Any] = {}
        for url, app in apps.items():
            is_transport = isinstance(app, (httpx.BaseTransport, httpx.AsyncBaseTransport))
            self._places[_origin_of(url)] = app if is_transport else endpoint_of(app)
        self._endpoints = [
            place for place in self._places.values() if isinstance(place, ASGIEndpoint)
        ]
        self._grace = grace
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._threads = WSGIHost()
        self._depth = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Call the application at the request's origin, in this thread."""
        place = self._place(request)
        if isinstance(place, httpx.BaseTransport):
            return place.handle_request(request)
        if not isinstance(place, (ASGIEndpoint, WSGIEndpoint)):
            raise TypeError(f"{place!r} has no handle_request: a sync client cannot use it")
        run = self._open() if isinstance(place, ASGIEndpoint) else None
        return send(request, *self._connect(place, request, run))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Call the application at the request's origin, in this task."""
        place = self._place(request)
        if isinstance(place, httpx.AsyncBaseTransport):
            return await place.handle_async_request(request)
        if not isinstance(place, (ASGIEndpoint, WSGIEndpoint)):
            raise TypeError(f"{place!r} has no handle_async_request: an async client cannot use it")
        run = await self._aopen() if isinstance(place, ASGIEndpoint) else None
        return await asend(request, *self._connect(place, request, run))

    def _place(self, request: httpx.Request) -> Any:
        origin = _origin_of(request.url)
        try:
            return self._places[origin]
        except KeyError:
            known = ", ".join("{}://{}:{}".format(*place) for place in self._places)
            raise httpx.ConnectError(
                "nothing listens at {}://{}:{}; in this process there are {}".format(
                    *origin, known or "none"
                )
            ) from None

    def _connect(
        self, endpoint: ASGIEndpoint | WSGIEndpoint, request: httpx.Request, run: Run | None
    ) -> tuple[End, Link]:
        client, server = End.pair()
        context = context_for(endpoint.share_context)
        link = Link(server, context, _origin_of(request.url), endpoint)
        (self._threads if run is None else run).serve(link)
        return client, link

    def _started(self, home: Callable[[], Home]) -> Run | None:
        """The run of the ASGI applications, begun by whoever comes first."""
        if not self._endpoints:
            return None
        with self._lock:
            if self._run is None or not self._run.usable:
                self._run = Run(home(), self._endpoints, self._grace)
            return self._run

    def _open(self) -> Run | None:
        run = self._started(Home.in_thread)
        if run is not None:
            run.home.refuse_to_block()
            run.started.result()
        return run

    async def _aopen(self) -> Run | None:
        run = self._started(Home)
        if run is not None:
            await outcome(run.started)
        return run

    def __enter__(self) -> Self:
        self._open()
        self._depth += 1
        return self

    async def __aenter__(self) -> Self:
        try:
            await self._aopen()
        except BaseException:
            await self.aclose()
            raise
        self._depth += 1
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._depth -= 1
        self.close()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._depth -= 1
        await self.aclose()

    def close(self) -> None:
        """End the applications; raises LifespanError. Idempotent."""
        if self._depth:
            return
        if self._run is not None and self._run.home.alive:
            self._run.home.refuse_to_block()
        run = self._taken()
        try:
            self._threads.stop(self._grace)
            if run is not None:
                run.stop().result()
        finally:
            if run is not None:
                run.home.leave()
            for place in self._places.values():
                if isinstance(place, httpx.BaseTransport):
                    place.close()

    async def aclose(self) -> None:
        """End the applications; raises LifespanError. Idempotent."""
        if self._depth:
            return
        run = self._taken()
        with anyio.CancelScope(shield=True):
            try:
                await anyio.to_thread.run_sync(self._threads.stop, self._grace)
                if run is not None:
                    await outcome(run.stop())
            finally:
                if run is not None:
                    await anyio.to_thread.run_sync(run.home.leave)
                for place in self._places.values():
                    if isinstance(place, httpx.AsyncBaseTransport):
                        await place.aclose()

    def _taken(self) -> Run | None:
        """What has to be stopped, once."""
        with self._lock:
            run, self._run = self._run, None
        return run if run is not None and run.home.alive else None


def _origin_of(url: httpx.URL | str) -> _Origin:
    url = httpx.URL(url)
    if url.scheme not in _PORTS or not url.host:
        raise ValueError(f"{str(url)!r} is no origin; write it as http://users-1")
    return url.scheme, url.host, url.port or _PORTS[url.scheme]
