"""
The routes of a service, in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ._info import RouteInfo
from ._options import RouteOptions
from ._route import Route, compile_route
from ._split import Split


class Explanation(NamedTuple):
    """The *route* of a call, if any, and each one before it with why it did not match."""

    route: Route | None
    skipped: tuple[tuple[str, str], ...]


class RouteTable:
    """
    Finds the route of a call: the first whose match is true of it.

    *service* is the name of the service that the routes belong to; it goes into the salts
    of their keys. False when there are no routes.

    Thread-safe: it never changes, but for the weights of its splits.
    """

    __slots__ = ("routes", "splits")

    def __init__(self, routes: Iterable[RouteOptions] = (), *, service: str = "") -> None:
        self.routes: tuple[Route, ...] = tuple(
            route
            for index, options in enumerate(routes)
            for route in compile_route(options, index, service)
        )
        """In order, with one for each alternative of a rule's match."""
        self.splits: dict[str, Split] = {
            route.name: route.split for route in self.routes if route.split is not None
        }
        """By name of the route, for whoever shifts weights."""

    def __bool__(self) -> bool:
        return bool(self.routes)

    def match(self, info: RouteInfo) -> Route | None:
        """
        The route of a call; None when no route matches, and it goes where it was aimed.

        Ask once for each call: percentages draw.
        """
        for route in self.routes:
            if route.matcher.matches(info):
                return route
        return None

    def explain(self, info: RouteInfo) -> Explanation:
        """
        The route of a call and why it is none of those before it; instead of `match`.

        Reasons name headers and cookies, and never tell their values.
        """
        skipped: dict[int, list[str]] = {}
        found = None
        for route in self.routes:
            reason = route.matcher.why_not(info)
            if not reason:
                found = route
                break
            skipped.setdefault(route.index, []).append(reason)
        if found is not None:
            skipped.pop(found.index, None)  # another alternative of the same rule
        names = {route.index: route.name for route in self.routes}
        return Explanation(
            found, tuple((names[index], "; ".join(why)) for index, why in skipped.items())
        )
