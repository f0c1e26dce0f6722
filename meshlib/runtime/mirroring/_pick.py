"""
Which endpoint gets a copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..._bell import Bell
from ..._exceptions import NoEndpointError
from ...routing import select_subset
from ...transport import Service, Target


class MirrorPick:
    """
    Takes turns among the endpoints of a subset that calls could go to, too.

    Breakers, health and ejections are read and never changed: an endpoint that is held open
    gets no copy, and no probe either. Not thread-safe.
    """

    __slots__ = ("_selector", "_snapshot", "_turn", "_usable")

    def __init__(self, selector: Mapping[str, Sequence[str]]) -> None:
        self._selector = selector
        self._snapshot: object = None
        self._usable: tuple[Target, ...] = ()
        self._turn = 0

    async def __call__(self, service: Service) -> Target:
        """
        The next target; raises NoEndpointError when there is none.

        Waits for the first endpoints of a service that is still being discovered.
        """
        if not service.ready:
            await _wait_ready(service)
        snapshot = service.pickable
        if snapshot is not self._snapshot:  # it is replaced whenever anything changes
            self._usable = usable(service.targets, self._selector)
            self._snapshot = snapshot
        if not self._usable:
            raise NoEndpointError("no endpoint can take a copy", service=service.name)
        self._turn += 1
        return self._usable[self._turn % len(self._usable)]


async def _wait_ready(service: Service) -> None:
    waiter = _Waiter()
    try:
        if service.wait_ready(waiter):
            await waiter.wait()
    finally:
        service.stop_waiting(waiter)


class _Waiter(Bell):
    """A bell that a service rings."""

    __slots__ = ()

    def set(self) -> None:
        """The first endpoints are there."""
        self.ring()


def usable(targets: Sequence[Target], selector: Mapping[str, Sequence[str]]) -> tuple[Target, ...]:
    """
    The targets of a subset to send to: the fit ones of the first priority that has any.

    Without a fit one they are those whose breaker is closed, whatever their health.
    """
    closed = [one for one in select_subset(targets, selector) if one.breaker.closed]
    fit = [one for one in closed if one.healthy and not one.outlier.ejected] or closed
    first = min((one.endpoint.priority for one in fit), default=0)
    return tuple(one for one in fit if one.endpoint.priority == first)
