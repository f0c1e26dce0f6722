"""
The ASGI applications of a transport, between their start-up and their shutdown.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress

import anyio

from ._endpoint import ASGIEndpoint
from ._errors import LifespanError
from ._home import Home, outcome
from ._host import ASGIHost
from ._link import Link


class Run:
    """
    Starts the applications of *endpoints* on *home*, one after the other, each once.

    `started` is done when all of them have started; it raises LifespanError when one has
    failed, and those before it are shut down then, within *grace* seconds each.
    """

    def __init__(self, home: Home, endpoints: Iterable[ASGIEndpoint], grace: float) -> None:
        self.home = home
        self._grace = grace
        self._starting: anyio.CancelScope | None = None
        self._hosts: dict[int, ASGIHost] = {}
        self._begun: list[ASGIHost] = []
        for endpoint in endpoints:
            if id(endpoint.app) not in self._hosts:
                host = ASGIHost(endpoint.app, endpoint.lifespan, home)
                self._hosts[id(endpoint.app)] = host
        self.started: Future[None] = home.submit(self._start)

    @property
    def usable(self) -> bool:
        """Whether it serves, or will: its loop lives, and no start-up has failed."""
        if not self.home.alive:
            return False
        return not self.started.done() or self.started.exception() is None

    def serve(self, link: Link) -> None:
        """Begin to serve the request of *link*."""
        self._hosts[id(link.endpoint.app)].serve(link)

    def stop(self) -> Future[None]:
        """
        Shut the applications down, the last first; raises the first LifespanError.

        A start-up that is under way is cancelled.
        """

        async def stop() -> None:
            if self._starting is not None:
                self._starting.cancel()
            with suppress(LifespanError):
                await outcome(self.started)
            await self._stop()

        return self.home.submit(stop)

    async def _start(self) -> None:
        with anyio.CancelScope() as self._starting:
            try:
                for host in self._hosts.values():
                    await host.start()
                    self._begun.append(host)
            except BaseException:
                with anyio.CancelScope(shield=True), suppress(LifespanError):
                    await self._stop()
                raise
        if self._starting.cancelled_caught:
            raise LifespanError("startup", "closed before it was complete")
        self._starting = None

    async def _stop(self) -> None:
        failure: Exception | None = None
        while self._begun:
            try:
                await self._begun.pop().stop(self._grace)
            except Exception as exc:
                failure = failure or exc
        if failure is not None:
            raise failure
