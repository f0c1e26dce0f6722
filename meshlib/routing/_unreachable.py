"""
Routes that no call can ever take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ._covers import covers
from ._match_options import RouteMatch
from ._matcher import Matcher
from ._options import RouteOptions, title_of


class Unreachable(NamedTuple):
    """
    The place of a *route* that no call can take, and the *reason*.

    *shadowed_by* is the route before it that takes the last of its calls; None when it
    takes none of its own accord.
    """

    route: int
    shadowed_by: int | None
    reason: str


def unreachable(routes: Sequence[RouteOptions]) -> list[Unreachable]:
    """
    Find the routes that no call can take, because those before them take all.

    Only what is certain: of two regular expressions nothing is known unless they are the
    same, and routes that take all only together are not added up, but for the
    alternatives of the one that they shadow. For linters, not for each call.
    """
    found = []
    earlier: list[list[Matcher]] = []
    for index, route in enumerate(routes):
        matchers = [Matcher(match) for match in route.match or (RouteMatch(),)]
        live = [matcher for matcher in matchers if matcher.share]
        if not live:
            found.append(Unreachable(index, None, "its percentage is 0"))
        shadows = [_shadow(matcher, earlier) for matcher in live]
        known = [shadow for shadow in shadows if shadow is not None]
        if live and len(known) == len(live):
            by = max(known)
            title = title_of(routes[by], by)
            reason = f"every call that it matches is taken by {title!r} before it"
            found.append(Unreachable(index, by, reason))
        earlier.append(matchers)
    return found


def _shadow(narrow: Matcher, earlier: list[list[Matcher]]) -> int | None:
    """The first route that takes every call that *narrow* matches."""
    for index, matchers in enumerate(earlier):
        if any(covers(wide, narrow) for wide in matchers):
            return index
    return None
