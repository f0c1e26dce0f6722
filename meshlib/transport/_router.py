"""
Which lane of a service a call takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..routing import Destination, Route, RouteInfo, RouteOptions, RouteTable
from ._lane import Lane
from ._routed import Routed


class Router:
    """
    The routes of one service for one tenant, and the lanes that they lead to.

    *default* is the lane of calls that no route matches, also the service itself. *make*
    makes the lane of a destination; one in another service is made when it is first
    chosen, since that service may have to be discovered.

    Thread-safe: two threads may make one lane at once, and the first one made counts.
    """

    __slots__ = ("_make", "default", "lanes", "name", "options", "table", "tenant")

    def __init__(
        self,
        table: RouteTable,
        default: Lane,
        make: Callable[[Route, Destination], Lane],
        tenant: str | None = None,
        options: tuple[RouteOptions, ...] = (),
    ) -> None:
        self.name: str = default.service.name
        self.table = table
        self.options = options
        self.default = default
        self.tenant = tenant
        self.lanes: dict[Destination, Lane] = {}
        self._make = make

    def route(self, info: RouteInfo, path: bytes) -> Routed:
        """What routes decide of a call for *path*; chance is drawn once."""
        route = self.table.match(info)
        return self._routed(route, info, path)

    def explain(self, info: RouteInfo, path: bytes) -> Routed:
        """The same, with the routes that do not match and why."""
        found = self.table.explain(info)
        routed = self._routed(found.route, info, path)
        routed.skipped = found.skipped
        return routed

    def lane(self, route: Route, destination: Destination) -> Lane:
        """The lane of calls that *route* sends to *destination*."""
        lane = self.lanes.get(destination)
        if lane is None:
            lane = self.lanes.setdefault(destination, self._make(route, destination))
        return lane

    def _routed(self, route: Route | None, info: Any, path: bytes) -> Routed:
        if route is None or route.split is None:
            return Routed(self.default, route, path, self.name)
        return Routed(self.lane(route, route.split.choose(info)), route, path, self.name)
