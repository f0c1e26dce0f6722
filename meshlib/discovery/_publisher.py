"""
What is published of the lists that a source sends, and when.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .._models import Endpoint
from ..events import EndpointsHeld, Event
from ._guard import DropGuard
from ._options import DropGuardOptions


class Publisher:
    """
    Publishes the newest list, if it differs, at most once in *interval* seconds.

    Lists differ if they have other objects in them, in whatever order: an endpoint that is
    as it was must be the same object, since to compare thousands by value takes long.

    A list that comes sooner after another one waits until `due`, and gives way to one
    that comes still later. A `DropGuard` may hold endpoints back. Decides by the *now* it
    is given and waits for nothing: who owns it calls `work` when `due` has come.

    Not thread-safe.
    """

    def __init__(
        self,
        service: str,
        source: str,
        publish: Callable[[tuple[Endpoint, ...]], object],
        on_event: Callable[[Event], object],
        *,
        interval: float = 0.0,
        guard: DropGuardOptions | None = None,
    ) -> None:
        self._service = service
        self._source = source
        self._publish = publish
        self._on_event = on_event
        self._interval = interval
        self._guard_options = guard
        self._guard = DropGuard(guard or DropGuardOptions(enabled=False))
        self._in_force: tuple[Endpoint, ...] | None = None
        self._newest: tuple[Endpoint, ...] = ()
        self._free_at = -math.inf
        self.due = math.inf
        """When `work` has something to do; infinite while it has not."""
        self.held: tuple[Endpoint, ...] = ()
        """Endpoints in force that the newest list lacks."""

    def doubt(self, now: float) -> None:
        """Guard few endpoints, too, for a while: the source is back from a failure."""
        self._guard.doubt(now)

    def offer(self, endpoints: tuple[Endpoint, ...], now: float) -> None:
        """Take *endpoints* for the newest list, and publish it if it is time."""
        self._newest = endpoints
        if now >= self._free_at:
            self._release(now)
        else:
            self.due = min(self._free_at, self._guard.until)

    def work(self, now: float) -> None:
        """Publish what is due *now*."""
        if now >= self.due:
            self._release(now)

    def _release(self, now: float) -> None:
        before = self._in_force
        endpoints, held = self._newest, self.held
        if before is None:
            missing: tuple[Endpoint, ...] = ()
        else:
            endpoints, missing = self._guard.admit(before, endpoints, now)
        self.due, self.held = self._guard.until, missing
        if before is None or set(map(id, before)) != set(map(id, endpoints)):
            self._in_force = endpoints
            self._free_at = now + self._interval
            self._publish(endpoints)
        if missing and not held:
            self._on_event(
                EndpointsHeld(
                    service=self._service,
                    source=self._source,
                    missing=missing,
                    duration=max(0.0, self.due - now),
                )
            )
