"""
Which endpoints a destination means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeVar

from .._models import Endpoint

Fallback = Literal["none", "any", "default"]


class HasEndpoint(Protocol):
    """An endpoint with something beside it, such as a target."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it is."""


C = TypeVar("C", bound=HasEndpoint)


def subset_matches(endpoint: Endpoint, selector: Mapping[str, Sequence[str]]) -> bool:
    """
    Whether *endpoint* has all the metadata that *selector* asks for.

    A value of *selector* is a text, or texts of which any does. An empty selector is
    every endpoint; what an endpoint does not say is equal to nothing.
    """
    metadata = endpoint.metadata
    for name, wanted in selector.items():
        value = metadata.get(name)
        if value is None:
            return False
        if value != wanted if isinstance(wanted, str) else value not in wanted:
            return False
    return True


def select_subset(
    candidates: Iterable[C],
    selector: Mapping[str, Sequence[str]],
    fallback: Fallback = "none",
    default: Mapping[str, Sequence[str]] | None = None,
) -> tuple[C, ...]:
    """
    Those of *candidates* that are in the subset, in their order.

    When there are none, *fallback* says which instead, as Envoy's `fallback_policy` does:
    `none` (an empty tuple), `any` (all of them), or `default` (those in the subset
    *default*, which may be empty, too). For each snapshot, not for each call.
    """
    everything = tuple(candidates)
    found = tuple(each for each in everything if subset_matches(each.endpoint, selector))
    if found or fallback == "none":
        return found
    if fallback == "any":
        return everything
    return tuple(each for each in everything if subset_matches(each.endpoint, default or {}))
