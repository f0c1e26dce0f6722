"""
The sources of a mesh's services, and the supervisors that run them in the background.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

from .._clock import Clock
from .._events import Event
from ..config import MeshConfig, ServiceConfig
from ..discovery import Supervisor, Timing, make_discovery
from ..transport import Service
from ._background import Background


def default_source(discovery: Any, config: MeshConfig) -> Any:
    """The source for names that have none of their own: the code's, the document's, or None."""
    chosen = discovery if discovery is not None else config.discovery
    return None if chosen is None else make_discovery(chosen)


def source_of(settings: ServiceConfig, default: Any) -> Any:
    """What tells the endpoints of a service, or None when its settings do."""
    if settings.discovery is not None:
        return make_discovery(settings.discovery)
    return None if settings.says_where else default


class Discovering:
    """
    Starts the discovery of a service when it is first asked for, and stops it.

    Thread-safe. A forked child starts anew what it asks for.
    """

    def __init__(
        self,
        background: Background,
        emit: Callable[[Event], None],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.supervisors: dict[str, Supervisor] = {}
        self._background = background
        self._emit = emit
        self._clock = clock
        self._rng = rng
        self._sources: dict[str, tuple[Any, ServiceConfig]] = {}
        self._running: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._closed = False

    def assign(self, service: Service, source: Any, settings: ServiceConfig) -> None:
        """Have *source* tell the endpoints of *service* from its next start on."""
        self.stop(service.name)
        self._sources[service.name] = source, settings
        service.discovered = True
        service.sources = str(getattr(source, "name", type(source).__name__))

    def start(self, service: Service) -> None:
        """Begin to discover *service*, unless that runs already."""
        name = service.name
        with self._lock:
            if self._closed or name in self._running:
                return
            source, settings = self._sources[name]
            supervisor = Supervisor(
                source,
                name,
                publish=service.update,
                on_event=self._emit,
                timing=Timing(clock=self._clock, rng=self._rng),
                interval=settings.update_interval,
                guard=settings.drop_guard,
            )
            self.supervisors[name] = supervisor
            self._running[name] = self._background.start_soon(supervisor.run)

    def stop(self, name: str) -> None:
        """Stop the discovery of a service; its endpoints stay as they are."""
        with self._lock:
            running = self._running.pop(name, None)
            self.supervisors.pop(name, None)
            self._sources.pop(name, None)
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
