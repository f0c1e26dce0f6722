"""
One request of an ASGI server, from its arrival until its response is complete.

What an application sends passes through here, so that it is known whether an answer has
begun, which one, and when it was complete: then the permit is given back, and what goes
on behind the answer, such as Starlette's background tasks, has no deadline any more.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio

from .._clock import Clock
from .._context import ambient_deadline
from .._exceptions import DeadlineExceededError
from ..inbound import Arrival
from ._answers import LATE, send_answer
from ._watch import Watch

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Exchange:
    """Used by one request. Not thread-safe."""

    __slots__ = ("_arrival", "_scope", "_send", "started", "status")

    def __init__(self, arrival: Arrival, scope: Scope, send: Send) -> None:
        self._arrival = arrival
        self._scope = scope
        self._send = send
        self.started = False
        """Whether an answer has begun."""
        self.status: int | None = None

    def send(self, message: Message) -> Awaitable[None]:
        """What the application sends with; awaited like the server's own."""
        # Not a coroutine function: what passes through costs no frame of its own.
        kind = message["type"]
        if kind == "http.response.body":
            if not message.get("more_body"):
                return self._complete(message)
        elif kind == "http.response.start":
            self._begin(message)
        return self._send(message)

    def _begin(self, message: Message) -> None:
        self.started = True
        self.status = status = message["status"]
        if status >= 400:
            marks = self._arrival.marks()
            if marks:
                message["headers"] = [*message.get("headers", ()), *marks]
        if self._arrival.reports:
            message["headers"] = [*message.get("headers", ()), self._arrival.report()]
        route = self._scope.get("route")  # FastAPI tells
        if route is not None:
            self._arrival.route = getattr(route, "path", None)

    async def _complete(self, message: Message) -> None:
        await self._send(message)
        self._arrival.finish(self.status)

    def finish(self, error: BaseException | None = None) -> None:
        """The application has ended; a request whose answer was complete has ended before."""
        self._arrival.finish(self.status, error)


class BoundExchange(Exchange):
    """
    An exchange whose request has a *deadline*, an instant on *clock*.

    On asyncio a `Watch` cancels its task, on trio a cancel scope.
    """

    __slots__ = ("_clock", "_deadline", "_disarm", "_task", "fired", "replaced")

    def __init__(
        self, arrival: Arrival, scope: Scope, send: Send, clock: Clock, deadline: float
    ) -> None:
        self._arrival = arrival
        self._scope = scope
        self._send = send
        self.started = False
        self.status = None
        self._clock = clock
        self._deadline = deadline
        self._disarm: Callable[[Any], object] | None = None
        self.fired = False
        """Whether the task was cancelled because of the deadline."""
        self.replaced = False
        """Whether 504 was answered in the place of an answer that began too late."""

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, below 0 when it has passed."""
        return self._deadline - self._clock()

    def arm(self, watch: Watch, task: asyncio.Task[Any]) -> None:
        """Have *task* cancelled when the deadline passes."""
        self._task = task
        self._disarm = watch.remove
        watch.add(self, watch.loop.time() + self._deadline - self._clock())

    def expire(self) -> None:
        """Cancel what serves the request."""
        self.fired = True
        self._task.cancel("the deadline of the request has passed")

    def bind(self, scope: anyio.CancelScope) -> None:
        """Have nothing cancelled by *scope* once the answer is complete."""

        def disarm(_: Exchange) -> None:
            scope.deadline = math.inf

        self._disarm = disarm

    def send(self, message: Message) -> Awaitable[None]:
        """What the application sends with; an answer that begins too late is a 504."""
        if self.replaced:
            return _drop()
        kind = message["type"]
        if kind == "http.response.body":
            if not message.get("more_body"):
                return self._complete(message)
        elif kind == "http.response.start":
            if self._clock() >= self._deadline:
                self.replaced = True
                return self.answer_late()
            self._begin(message)
        return self._send(message)

    async def _complete(self, message: Message) -> None:
        await self._send(message)
        self._arrival.finish(self.status)
        if self._disarm is not None:
            self._disarm(self)
        # Nobody waits for what comes now: calls made in it have no deadline of a caller's.
        ambient_deadline.set(None)

    async def answer_late(self) -> None:
        """Answer that the deadline has passed."""
        self.started = True
        self.status = LATE.status
        await send_answer(self._send, LATE, self._scope["method"], self._arrival.marks())

    async def end_late(self) -> None:
        """
        End a request that was given up at its deadline.

        Raises DeadlineExceededError when its answer had begun, so that a server cuts it off.
        """
        if self.replaced:
            return
        if self.started:
            raise DeadlineExceededError("the deadline of the request passed while it was answered")
        await self.answer_late()


async def _drop() -> None:
    """Swallow what belongs to an answer that was replaced."""
