"""
What a route says of its canary: which destination it is, and what it is called.
"""

from __future__ import annotations

from ._options import RouteOptions
from ._split_options import DestinationOptions


def canary_index(options: RouteOptions) -> int:
    """The place of the canary among the two destinations of the split."""
    canary = options.canary
    name = None if canary is None else canary.destination
    return int(name is not None and options.split[1].title == name)


def canary_weights(options: RouteOptions, share: float) -> tuple[float, float]:
    """The weights of the split by which the canary gets *share* of the calls."""
    return (1.0 - share, share) if canary_index(options) else (share, 1.0 - share)


def first_weights(options: RouteOptions) -> tuple[float, ...]:
    """
    The weights until the state of the canary was first read.

    Those of the document if it gives any: who has promoted a canary, and cannot reach its
    store when a process starts, may say so there. Else it gets no call.
    """
    if any("weight" in each.model_fields_set for each in options.split):
        return tuple(each.weight for each in options.split)
    return canary_weights(options, 0.0)


def canary_revision(options: RouteOptions) -> str:
    """What is rolled out: what *revision* says, or the values that select the canary."""
    if options.canary is not None and options.canary.revision is not None:
        return options.canary.revision
    return _revision(options.split[canary_index(options)])


def _revision(destination: DestinationOptions) -> str:
    parts = [f"{key}={'|'.join(texts)}" for key, texts in sorted(destination.subset.items())]
    if destination.service is not None:
        parts.insert(0, f"service={destination.service}")
    return ",".join(parts) or destination.title
