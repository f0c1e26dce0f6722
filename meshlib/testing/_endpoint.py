"""One endpoint that is not there, and answers by a script."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import httpx

from .._clock import Clock
from .._surroundings import ambient_clock
from ._pausing import apause, pause
from ._script import Item, Script, Slow, is_call, response_of


@dataclass(frozen=True, slots=True)
class Served:
    """One request that reached an endpoint, at *time* on the clock, with its body read."""

    time: float
    endpoint: str
    request: httpx.Request


class FakeEndpoint:
    """
    Answers requests to *url* by a script: see `Item` for what it may say.

    *delay* is in seconds, before every answer. `down` and `up` switch it, `flap` has it
    alternate on the cluster's clock; while it is down, connections are refused. `served`
    is every request that reached it, in order; those refused did not.

    Timeouts of httpx are honoured: what would take longer raises the error that a socket
    raises. Thread-safe.
    """

    def __init__(self, script: Item = 200, *, url: str = "", delay: float = 0.0) -> None:
        self.script = Script(script)
        self.url = url
        self.delay = delay
        self.refused = 0
        """Connections that it did not accept."""
        self.served: list[Served] = []
        self.clock: Clock | None = None
        self._down = False
        self._flapping: tuple[float, float, float] | None = None

    @property
    def calls(self) -> int:
        """Requests that reached it."""
        return len(self.served)

    def answer(self, *items: Item) -> None:
        """Begin a new script."""
        self.script.set(items)

    def down(self) -> None:
        """Refuse connections from now on."""
        self._down, self._flapping = True, None

    def up(self) -> None:
        """Accept connections from now on."""
        self._down, self._flapping = False, None

    def flap(self, *, up: float, down: float) -> None:
        """Be up for *up* seconds, down for *down*, and so on, beginning now."""
        if up <= 0 or down <= 0:
            raise ValueError("an endpoint flaps for more than 0 seconds each")
        self._flapping = self._now(), up, down

    @property
    def is_up(self) -> bool:
        """Whether it accepts connections now."""
        if self._flapping is None:
            return not self._down
        since, up, down = self._flapping
        return (self._now() - since) % (up + down) < up

    def _now(self) -> float:
        return self._time()()

    def _time(self) -> Clock:
        return self.clock or ambient_clock()

    def handle(self, request: httpx.Request) -> httpx.Response:
        """The answer to *request*, after its delay."""
        self._accept()
        request.read()
        item = self._take(request)
        seconds = self.delay
        while is_call(item) or isinstance(item, Slow):
            if isinstance(item, Slow):
                seconds, item = seconds + item.seconds, item.item
            else:
                item = item(request)
        limit = self._limit(request)
        pause(self._time(), min(seconds, limit))
        if seconds >= limit:
            raise httpx.ReadTimeout("timed out", request=request)
        return response_of(item, request)

    async def ahandle(self, request: httpx.Request) -> httpx.Response:
        """The answer to *request*, after its delay; its functions may be asynchronous."""
        self._accept()
        await request.aread()
        item = self._take(request)
        seconds = self.delay
        while is_call(item) or isinstance(item, Slow):
            if isinstance(item, Slow):
                seconds, item = seconds + item.seconds, item.item
            else:
                item = item(request)
                if inspect.isawaitable(item):
                    item = await item
        limit = self._limit(request)
        if seconds:
            await apause(self._time(), min(seconds, limit))
        if seconds >= limit:
            raise httpx.ReadTimeout("timed out", request=request)
        return response_of(item, request)

    def _accept(self) -> None:
        if not self.is_up:
            self.refused += 1
            raise httpx.ConnectError("[Errno 111] Connection refused")

    def _take(self, request: httpx.Request) -> Any:
        self.served.append(Served(self._now(), self.url, request))
        return self.script.take()

    @staticmethod
    def _limit(request: httpx.Request) -> float:
        read = request.extensions.get("timeout", {}).get("read")
        return float("inf") if read is None else float(read)

    def __repr__(self) -> str:
        state = "up" if self.is_up else "down"
        return f"<FakeEndpoint {self.url} {state}, {self.calls} calls>"
