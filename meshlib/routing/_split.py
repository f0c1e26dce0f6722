"""
Which of several destinations a call goes to.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ._change_options import HeadersOptions
from ._headers import edits_of
from ._info import RouteInfo
from ._layout import lay_out
from ._split_options import DestinationOptions, VariantOptions
from ._sticky import Sticky
from ._text import Condition, compile_texts


class Destination:
    """
    One place where calls of a route go.

    *service* is None for the service that was called. *selector*, *fallback* and *default*
    are what `select_subset` takes; an empty selector is every endpoint. *request_headers*
    and *response_headers* are the changes of the route and then its own, or None.

    Thread-safe: it never changes. Compared by identity: make tables of targets for each.
    """

    __slots__ = (
        "default",
        "fallback",
        "name",
        "request_headers",
        "response_headers",
        "selector",
        "service",
    )

    def __init__(self, options: DestinationOptions, headers: HeadersOptions | None = None) -> None:
        outer = HeadersOptions() if headers is None else headers
        self.name = options.title
        self.service = options.service
        self.selector = options.subset
        self.fallback = options.subset_fallback
        self.default = options.default_subset
        self.request_headers = edits_of(outer.request, options.headers.request)
        self.response_headers = edits_of(outer.response, options.headers.response)

    def __repr__(self) -> str:
        return f"<Destination {self.name}>"


class Variant:
    """The calls that get one destination for certain."""

    __slots__ = ("_cookies", "_headers", "_query", "destination")

    def __init__(self, options: VariantOptions, destination: Destination) -> None:
        self.destination = destination
        self._headers = compile_texts(options.headers)
        self._cookies = compile_texts(options.cookies)
        self._query = compile_texts(options.query)

    def takes(self, info: RouteInfo) -> bool:
        """Whether a call has all that is asked for."""
        return (
            _all(self._headers, info.header)
            and _all(self._cookies, info.cookie)
            and _all(self._query, info.query)
        )


def _all(conditions: tuple[tuple[str, Condition], ...], lookup: Any) -> bool:
    return all(condition.accepts(lookup(name)) for name, condition in conditions)


class Split:
    """
    Shares calls out to destinations by weight.

    With *sticky*, a call's key decides where between 0 and 1 it lies, and so where it goes;
    without one, or for a call that has no key, a draw does. A variant that takes a call
    goes before both, whatever the weights. `lay_out` says what moves when weights change.

    Ask once for each call: retries go where the call goes, or they would hide what a
    canary does wrong.

    Raises ValueError for a weight below 0, or weights that sum to 0.

    Thread-safe: weights are swapped whole.
    """

    __slots__ = ("_layout", "_sticky", "_variants", "_weights", "destinations", "name")

    def __init__(
        self,
        name: str,
        destinations: Sequence[Destination],
        weights: Sequence[float],
        *,
        sticky: Sticky | None = None,
        variants: Sequence[Variant] = (),
    ) -> None:
        self.name = name
        self.destinations = tuple(destinations)
        self._sticky = sticky
        self._variants = tuple(variants)
        self.set_weights(weights)

    @property
    def weights(self) -> tuple[float, ...]:
        """The weights as they are now, in the order of the destinations."""
        return self._weights

    def set_weights(self, weights: Sequence[float]) -> None:
        """Share out otherwise from now on; sticky calls move as little as `lay_out` can do."""
        if len(weights) != len(self.destinations):
            raise ValueError(f"{len(self.destinations)} weights are needed, not {len(weights)}")
        if not all(0 <= weight < float("inf") for weight in weights):
            raise ValueError(f"weights are 0 or more, not {list(weights)}")
        if not sum(weights):
            raise ValueError("the weights sum to 0, so no call could go on")
        self._layout = lay_out(weights)
        self._weights = tuple(weights)

    def choose(self, info: RouteInfo) -> Destination:
        """The destination of a call."""
        for variant in self._variants:
            if variant.takes(info):
                return variant.destination
        ends, owners = self._layout
        if not ends:
            return self.destinations[owners[0]]
        sticky = self._sticky
        position = info.draw() if sticky is None else sticky.position(info)
        return self.destinations[owners[bisect_right(ends, position)]]


def make_split(
    name: str,
    options: Sequence[DestinationOptions],
    headers: HeadersOptions,
    sticky: Sticky | None,
    variants: Mapping[str, VariantOptions],
) -> Split:
    """Make the split that a route's options describe."""
    destinations = [Destination(each, headers) for each in options]
    named = {destination.name: destination for destination in destinations}
    return Split(
        name,
        destinations,
        [each.weight for each in options],
        sticky=sticky,
        variants=[Variant(variant, named[title]) for title, variant in variants.items()],
    )
