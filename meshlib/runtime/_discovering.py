"""
The sources of a mesh's services, and the supervisors that run them in the background.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from .._clock import Clock
from ..config import MeshConfig, ServiceConfig
from ..discovery import Supervisor, Timing, make_discovery
from ..events import Event
from ..transport import Service
from ._background import Background
from ._tasks import Tasks


def default_source(discovery: Any, config: MeshConfig) -> Any:
    """The source for names that have none of their own: the code's, the document's, or None."""
    chosen = discovery if discovery is not None else config.discovery
    return None if chosen is None else make_discovery(chosen)


def source_of(settings: ServiceConfig, default: Any) -> Any:
    """What tells the endpoints of a service, or None when its settings do."""
    if settings.discovery is not None:
        return make_discovery(settings.discovery)
    return None if settings.says_where else default


class Discovering(Tasks):
    """
    Starts the discovery of a service when it is first asked for, and stops it.

    Its endpoints stay as they are when it is stopped. Thread-safe.
    """

    def __init__(
        self,
        background: Background,
        emit: Callable[[Event], None],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        super().__init__(background)
        self.supervisors: dict[str, Supervisor] = {}
        self._emit = emit
        self._clock = clock
        self._rng = rng
        self._sources: dict[str, tuple[Any, ServiceConfig]] = {}

    def assign(self, service: Service, source: Any, settings: ServiceConfig) -> None:
        """Have *source* tell the endpoints of *service* from its next start on."""
        self.stop(service.name)
        self._sources[service.name] = source, settings
        service.discovered = True
        service.sources = str(getattr(source, "name", type(source).__name__))

    def begin(self, service: Service) -> None:
        """Begin to discover *service*, unless that runs already."""
        self.start(service.name, lambda: self._supervisor(service).run)

    def _supervisor(self, service: Service) -> Supervisor:
        source, settings = self._sources[service.name]
        made = self.supervisors[service.name] = Supervisor(
            source,
            service.name,
            publish=service.update,
            on_event=self._emit,
            timing=Timing(clock=self._clock, rng=self._rng),
            interval=settings.update_interval,
            guard=settings.drop_guard,
        )
        return made

    def _forget(self, name: str) -> None:
        self.supervisors.pop(name, None)
        self._sources.pop(name, None)
