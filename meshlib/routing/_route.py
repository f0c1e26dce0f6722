"""
One rule, compiled: what it matches and what becomes of a call.
"""

from __future__ import annotations

from collections.abc import Iterator

from ._canary_of import first_weights
from ._match_options import RouteMatch
from ._matcher import Matcher
from ._options import RouteOptions, title_of
from ._path import PathPattern
from ._redirect import Redirect
from ._respond import Answer, DirectResponse, Responder
from ._rewrite import compile_change, rewrite_target
from ._split import Split, make_split
from ._split_options import DestinationOptions
from ._sticky import Sticky


class Route:
    """
    One alternative of a rule's `match`, and what the rule does.

    The alternatives of a rule share its *name*, *index*, *options* and *split*. *split* is
    None for a route that answers calls or denies them; every other route has one, if only
    of one destination. *deny* is what a refusal says, or None. *authority* is the Host
    header to send, or None. Overrides of policies are read from *options*.

    Thread-safe: it never changes, but for the weights of its split.
    """

    __slots__ = (
        "_responder",
        "_rewrite",
        "authority",
        "deny",
        "index",
        "matcher",
        "name",
        "options",
        "split",
    )

    def __init__(
        self, options: RouteOptions, index: int, matcher: Matcher, split: Split | None
    ) -> None:
        self.name = title_of(options, index)
        self.index = index
        self.options = options
        self.matcher = matcher
        self.split = split
        self.deny = options.deny
        rewrite = options.rewrite
        self.authority = None if rewrite is None else rewrite.authority
        self._rewrite = None if rewrite is None else compile_change(rewrite, matcher.path)
        self._responder = _responder(options, matcher.path)

    def __repr__(self) -> str:
        return f"<Route {self.name}>"

    def rewrite(self, target: bytes) -> bytes:
        """The path and query to send for *target*, which this route has matched."""
        return target if self._rewrite is None else rewrite_target(self._rewrite, target)

    def answer(self, scheme: str, authority: str, target: bytes) -> Answer | None:
        """The response of a redirect or direct response; None when the call goes on."""
        responder = self._responder
        return None if responder is None else responder.answer(scheme, authority, target)


def _responder(options: RouteOptions, pattern: PathPattern | None) -> Responder | None:
    if options.direct_response is not None:
        return DirectResponse(options.direct_response)
    return None if options.redirect is None else Redirect(options.redirect, pattern)


def compile_route(options: RouteOptions, index: int, service: str) -> Iterator[Route]:
    """Make a route for each alternative of *options*, the rule at *index* for *service*."""
    name = title_of(options, index)
    salt = f"{service}/{name}"
    share = split = None
    if options.key is not None:
        # Salted apart, so that a share of a percentage is a fair sample of a split.
        share = Sticky(options.key, salt, "percentage")
    if options.deny is None and options.redirect is None and options.direct_response is None:
        sticky = None if options.key is None else Sticky(options.key, salt, "split")
        split = make_split(name, _destinations(options), options.headers, sticky, options.variants)
        if options.canary is not None:
            split.set_weights(first_weights(options))
    for match in options.match or (RouteMatch(),):
        yield Route(options, index, Matcher(match, share), split)


def _destinations(options: RouteOptions) -> tuple[DestinationOptions, ...]:
    return options.split or (DestinationOptions(subset=options.subset, service=options.service),)
