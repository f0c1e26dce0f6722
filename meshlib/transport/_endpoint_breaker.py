"""
The breaker of a target, which tells its service what changes.
"""

from __future__ import annotations

from typing import Any

from ..breaker import Breaker, BreakerOptions, BreakerState


class EndpointBreaker(Breaker):
    """
    A closed breaker of the endpoint that *target* is, for *service*.

    It knows both itself: two callbacks for each of 10,000 endpoints would be 2.5 MB, and
    40,000 objects more for the garbage collector to visit.
    """

    __slots__ = ("_service", "target")

    def __init__(self, service: Any, target: Any, options: BreakerOptions) -> None:
        super().__init__(options, rng=service.rng)
        self._service = service
        self.target = target

    def changed(self, old: BreakerState, new: BreakerState, cause: object) -> None:
        """Have the service offer what may be picked now, and tell who listens."""
        self._service.breaker_changed(self.target, old, new, cause)

    def available(self) -> None:
        """Have the service offer the place that came free."""
        self._service.rebuild(target=self.target)
