"""
What begins and ends with an application: its client, its registration, its readiness.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from .._exceptions import ConfigurationError
from .._fork import survive_fork
from ..health import ProcessHealth
from ..runtime import Registration, on_sigterm

_LOGGER = logging.getLogger("meshlib")
POLL = 0.05
"""Seconds between two looks at whether requests are in flight."""
RETRY = 0.5
"""Seconds between two looks at whether the process has started."""


class _Client(Protocol):
    @property
    def mesh(self) -> Any: ...


class _Middleware(Protocol):
    def use(self, mesh: Any) -> None: ...


ClientT = TypeVar("ClientT", bound=_Client)


class Served(Generic[ClientT]):
    """
    The common half of `Meshed` and of Flask's extension. Thread-safe.

    *make* makes a client; after the application has ended, which closes it, the next start
    makes another. Registrations start once the startup checks have passed.
    """

    def __init__(
        self,
        make: Callable[[], ClientT],
        *,
        health: ProcessHealth | None,
        registration: Registration | Iterable[Registration],
        drain: float,
        patience: float,
        sigterm: bool,
    ) -> None:
        for name, seconds in (("drain", drain), ("patience", patience)):
            if not seconds >= 0:
                raise ConfigurationError(f"{seconds!r} is below 0", path=name)
        if isinstance(registration, Registration):
            registration = (registration,)
        self._make = make
        self.health = health or ProcessHealth()
        self.registrations = tuple(registration)
        self._drain = drain
        self._patience = patience
        self._sigterm = sigterm
        self._middlewares: list[_Middleware] = []
        self._client: ClientT | None = None
        self._restore: Callable[[], None] | None = None
        self.renew()
        survive_fork(self)

    def renew(self) -> None:
        """A forked child has started nothing yet; its client is its own."""
        self._lock = threading.RLock()
        self._leaving = threading.Lock()
        self._hurry = threading.Event()
        self._restore = None
        self._announced = self._left = False

    @property
    def client(self) -> ClientT:
        """The client of the application; it is made when it is first asked for."""
        client = self._client
        if client is None:
            with self._lock:
                client = self._client
                if client is None:
                    client = self._client = self._make()
                    for middleware in self._middlewares:
                        middleware.use(client)
        return client

    def _take_client(self) -> ClientT | None:
        with self._lock:
            client, self._client = self._client, None
        return client

    # The steps of a life

    def begin(self) -> None:
        """The application starts: discovery and checks begin, SIGTERM is listened to."""
        mesh = self.client.mesh
        getattr(mesh, "mesh", mesh).start()
        with self._lock:
            if self._left:
                self.health.resume()
            self._announced = self._left = False
            self._hurry.clear()
            if self._sigterm and self._restore is None:
                self._restore = on_sigterm(self.leave)

    def announce(self) -> None:
        """The process has started: others may learn of it."""
        with self._lock:
            if self._left or self._announced:
                return
            self._announced = True
            for registration in self.registrations:
                registration.start()

    def leave(self, *, drain: bool = True) -> None:
        """
        Tell everybody that this process goes: it is not ready, and is registered no more.

        With *drain* it goes on to serve for as long as callers may need to hear of it; one
        who calls without it meanwhile ends that. Idempotent; a second caller waits for the
        first.
        """
        if not drain:
            self._hurry.set()
        with self._leaving:
            with self._lock:
                if self._left:
                    return
                self._left = True
            self.health.drain()
            for registration in self.registrations:
                registration.stop()
            if drain and self._drain:
                _LOGGER.info("draining for %g s", self._drain)
                self._hurry.wait(self._drain)

    def in_flight(self) -> int:
        """Requests that are being served."""
        client = self._client
        if client is None:
            return 0
        mesh = getattr(client.mesh, "mesh", client.mesh)
        number: int = mesh.inbound.counts().in_flight
        return number

    def forget_sigterm(self) -> None:
        """SIGTERM does again what it did before."""
        with self._lock:
            restore, self._restore = self._restore, None
        if restore is not None:
            restore()
