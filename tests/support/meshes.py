"""Pieces of a mesh for tests of the request path, and a transport that answers by a script."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import httpx

from meshlib import CallOptions, Endpoint, Mesh, MeshTransport, ServiceConfig
from meshlib._transports import AsyncMeshTransport
from meshlib.events import Event
from meshlib.faults import FaultInjector, FaultRule
from meshlib.runtime._build import build_policies
from meshlib.transport import Call, Service, replayable
from meshlib.transport._attempt import Attempt

from .clock import FakeClock

THREE = ("http://a:80", "http://b:80", "http://c:80")


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """
    A body that counts how often it was begun and closed; *error* breaks it after its chunks.

    As the body of a request it can be sent once: what was read of it is gone.
    """

    def __init__(self, *chunks: bytes, error: BaseException | None = None) -> None:
        self._chunks = list(chunks)
        self._error = error
        self.begun = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        self.begun += 1
        while self._chunks:
            yield self._chunks.pop(0)
        if self._error is not None:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        """Count it."""
        self.closed += 1

    async def aclose(self) -> None:
        """Count it."""
        self.closed += 1


Item = Any
"""A status, an error to raise, a response, or a callable that takes the request and gives one."""


class ScriptedTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """
    Answers the first request with the first of *script*, the last one for ever.

    `requests`, `sent` (their bodies) and `responses` are what has passed so far.
    """

    def __init__(self, *script: Item) -> None:
        self._script = script or (200,)
        self.requests: list[httpx.Request] = []
        self.sent: list[bytes] = []
        self.responses: list[httpx.Response] = []

    def _answer(self, request: httpx.Request, sent: bytes | None) -> httpx.Response:
        item = self._script[min(len(self.requests), len(self._script) - 1)]
        self.requests.append(request)
        if callable(item) and not isinstance(item, type):
            item = item(request)
        if isinstance(item, BaseException):
            raise item
        if sent is not None:
            self.sent.append(sent)
        if isinstance(item, int):
            item = httpx.Response(item, stream=Body(b"body"))
        self.responses.append(item)
        return item

    def _never_sent(self) -> bool:
        item = self._script[min(len(self.requests), len(self._script) - 1)]
        return isinstance(item, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer by the script; a body is read unless nothing could be sent."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        return self._answer(request, None if self._never_sent() else b"".join(request.stream))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer by the script; a body is read unless nothing could be sent."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        if self._never_sent():
            return self._answer(request, None)
        return self._answer(request, b"".join([chunk async for chunk in request.stream]))


def service_of(
    clock: Callable[[], float],
    *endpoints: str | Endpoint,
    events: list[Event] | None = None,
    faults: Iterable[dict[str, Any]] = (),
    ready: bool = True,
    **settings: Any,
) -> Service:
    """The state of a service with these endpoints, three by default, and settings."""
    rng = random.Random(7)
    rules = [FaultRule.model_validate(rule) for rule in faults]
    service = Service(
        "users",
        build_policies(ServiceConfig.model_validate(settings), rng),
        clock=clock,
        rng=rng,
        emit=(lambda event: None) if events is None else events.append,
        wall=lambda: 0.0,
        timeouts=(httpx.TimeoutException, TimeoutError),
        faults=FaultInjector(rules, rng=rng).plan("users", "test") if rules else None,
    )
    service.listening = events is not None
    if ready:
        service.update([e if isinstance(e, Endpoint) else Endpoint(e) for e in endpoints or THREE])
    return service


def request_of(method: str = "GET", path: str = "/", **options: Any) -> httpx.Request:
    """A request to the service; *stream* is a body that can be sent once."""
    return httpx.Request(method, f"http://users{path}", **options)


def call_of(
    service: Service,
    method: str = "GET",
    *,
    options: CallOptions | None = None,
    ambient: float | None = None,
    **rest: Any,
) -> Call:
    """A call of the service, not yet admitted."""
    request = request_of(method, **rest)
    return Call(service, request, options, ambient, replayable(request.stream))


def begun(service: Service, method: str = "GET", **rest: Any) -> tuple[Call, Attempt]:
    """An admitted call and its first attempt."""
    call = call_of(service, method, **rest)
    assert call.admit()
    return call, call.start_attempt()


def at_rest(service: Service) -> bool:
    """Whether nothing is in flight: no attempt, no permit, no probe, no fault."""
    now = service.clock()
    return (
        service.bulkhead.in_flight == 0
        and service.bulkhead.queued == 0
        and all(target.load.in_flight == 0 for target in service.targets)
        and all(target.breaker.snapshot(now).probes == 0 for target in service.targets)
    )


class Caller:
    """
    Calls one service through one of the two drivers, over a `ScriptedTransport`.

    Sleeping moves the clock. *services* has one entry, `users`, unless given.
    """

    def __init__(
        self, kind: str, clock: FakeClock, *script: Item, mesh: Mesh | None = None, **settings: Any
    ) -> None:
        config = settings.pop("config", None)
        self.kind = kind
        self.clock = clock
        self.events: list[Event] = []
        self.wire = ScriptedTransport(*script)
        if "discovery" not in settings:
            settings.setdefault("endpoints", THREE)
        self.mesh = mesh or Mesh(
            "test",
            config=config,
            services={"users": settings},
            clock=clock,
            wall_clock=lambda: 0.0,
            rng=random.Random(7),
            listeners=[self.events.append],
        )
        self.service = self.mesh.service("users")
        self.blocking = MeshTransport(mesh=self.mesh, transport=self.wire, sleep=clock.sleep)
        self.suspending = AsyncMeshTransport(
            mesh=self.mesh, transport=self.wire, sleep=clock.asleep
        )

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The response, its body unread."""
        if self.kind == "sync":
            return self.blocking.handle_request(request)
        return await self.suspending.handle_async_request(request)

    async def call(
        self, method: str = "GET", path: str = "/", *, options: Any = None, **rest: Any
    ) -> httpx.Response:
        """The response, its body read."""
        extensions = {} if options is None else {"mesh": options}
        response = await self.send(request_of(method, path, extensions=extensions, **rest))
        await self.read(response)
        return response

    async def read(self, response: httpx.Response) -> bytes:
        """The body of *response*, which is closed then."""
        return response.read() if self.kind == "sync" else await response.aread()

    async def close(self, response: httpx.Response) -> None:
        """Close *response* unread."""
        if self.kind == "sync":
            response.close()
        else:
            await response.aclose()

    def told(self, kind: type[Event]) -> list[Any]:
        """The events of one type so far."""
        return [event for event in self.events if type(event) is kind]
