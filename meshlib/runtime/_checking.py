"""
The active health checks of a mesh's services, which run in the background.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from .._clock import Clock
from .._exceptions import ConfigurationError
from ..discovery import moved
from ..events import Event
from ..health import HealthCheckOptions, HealthMonitor
from ..transport import Service
from ._background import Background
from ._tasks import Tasks


class Checking(Tasks):
    """
    Starts the checks of a service's endpoints when it is first asked for, and stops them.

    What they found stays when they are stopped. Thread-safe.
    """

    def __init__(
        self,
        background: Background,
        emit: Callable[[Event], None],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        super().__init__(background)
        self._emit = emit
        self._clock = clock
        self._rng = rng

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
            service.health = self._monitor(
                service.name, options, service.set_healthy, lambda: service.policies.tls
            )
            service.health.update([target.endpoint for target in service.targets])

    def check(self, name: str, options: HealthCheckOptions | None) -> None:
        """Raise ConfigurationError if `assign` could not carry *options* out."""
        if options is not None:
            try:
                self._monitor(name, options, lambda states: None)
            except ConfigurationError as exc:
                raise moved(exc, f"services.{name}") from exc

    def _monitor(
        self,
        name: str,
        options: HealthCheckOptions,
        publish: Callable[[Mapping[str, bool]], None],
        credentials: Callable[[], Any] = lambda: None,
    ) -> HealthMonitor:
        return HealthMonitor(
            name,
            options,
            publish,
            on_event=self._emit,
            clock=self._clock,
            rng=self._rng,
            credentials=credentials,
        )

    def begin(self, service: Service) -> None:
        """Begin to check the endpoints of *service*, unless that runs already."""
        self.start(service.name, lambda: service.health.run)
