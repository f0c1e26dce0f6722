"""
The active health checks of a mesh's services, which run in the background.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from typing import Any

from .._clock import Clock
from .._events import Event
from .._exceptions import ConfigurationError
from ..discovery import moved
from ..health import HealthCheckOptions, HealthMonitor
from ..transport import Service
from ._background import Background


class Checking:
    """
    Starts the checks of a service's endpoints when it is first asked for, and stops them.

    Thread-safe. A forked child starts anew what it asks for.
    """

    def __init__(
        self,
        background: Background,
        emit: Callable[[Event], None],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._background = background
        self._emit = emit
        self._clock = clock
        self._rng = rng
        self._running: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._closed = False

    def assign(self, service: Service, options: HealthCheckOptions | None) -> None:
        """
        Have *service* checked by *options* from its next start on, or no more.

        Options that are as before change nothing. What the former checks found is withdrawn.
        """
        old: HealthMonitor | None = service.health
        if (None if old is None else old.options) == options:
            return
        self.stop(service.name)
        service.health = None
        if old is not None:
            old.withdraw()
        if options is not None:
            service.health = self._monitor(service.name, options, service.set_healthy)
            service.health.update([target.endpoint for target in service.targets])

    def check(self, name: str, options: HealthCheckOptions | None) -> None:
        """Raise ConfigurationError if `assign` could not carry *options* out."""
        if options is not None:
            try:
                self._monitor(name, options, lambda states: None)
            except ConfigurationError as exc:
                raise moved(exc, f"services.{name}") from exc

    def _monitor(
        self, name: str, options: HealthCheckOptions, publish: Callable[[Mapping[str, bool]], None]
    ) -> HealthMonitor:
        return HealthMonitor(
            name, options, publish, on_event=self._emit, clock=self._clock, rng=self._rng
        )

    def start(self, service: Service) -> None:
        """Begin to check the endpoints of *service*, unless that runs already."""
        with self._lock:
            if not self._closed and service.name not in self._running:
                self._running[service.name] = self._background.start_soon(service.health.run)

    def stop(self, name: str) -> None:
        """Stop the checks of a service; what they found stays."""
        with self._lock:
            running = self._running.pop(name, None)
        if running is not None:
            running.cancel()

    def close(self) -> None:
        """Start nothing any more."""
        self._closed = True
        self._running = {}

    def renew(self) -> None:
        """A forked child has none of its parent's threads."""
        self._lock = threading.Lock()
        for task in self._running.values():
            task.cancel()
        self._running = {}
