"""
Hedges that never start.
"""

from __future__ import annotations

from collections.abc import Iterator

from ._finding import Told
from ._view import View, seconds


def hedge_after_the_end(view: View) -> Iterator[Told]:
    """A hedge that waits until its attempt has been ended."""
    hedge = view.settings.hedge
    limits = {"attempt_timeout": view.settings.attempt_timeout, "timeout": view.settings.timeout}
    name, limit = min(
        ((name, limit) for name, limit in limits.items() if limit is not None),
        key=lambda item: item[1],
        default=("", None),
    )
    if hedge is None or limit is None:
        return
    key, delay = ("min_delay", hedge.min_delay) if hedge.delay is None else ("delay", hedge.delay)
    if delay >= limit:
        yield Told(
            view.anchor(("hedge", key), (name,), ("hedge",)),
            f"a hedge starts after {seconds(delay)}, and {name} ends the attempt after"
            f" {seconds(limit)}: it never starts",
            f"hedge: {{{key}: {limit / 4:.2g}}}, or leave {key} out to follow the latency",
        )


def hedge_without_attempts(view: View) -> Iterator[Told]:
    """Hedges count as attempts, and there is only one."""
    hedge, retry = view.settings.hedge, view.settings.retry
    if hedge is not None and retry.max_attempts == 1:
        yield Told(
            view.anchor(("hedge",), ("retry", "max_attempts")),
            "hedges count as attempts, and retry.max_attempts is 1: none ever starts",
            f"retry: {{max_attempts: {1 + hedge.max_hedges}}}, or hedge: false",
        )


def too_many_hedges(view: View) -> Iterator[Told]:
    """More hedges than there are attempts after the first."""
    hedge, retry = view.settings.hedge, view.settings.retry
    if hedge is not None and 1 < retry.max_attempts <= hedge.max_hedges:
        yield Told(
            view.anchor(("hedge", "max_hedges"), ("retry", "max_attempts")),
            f"max_hedges is {hedge.max_hedges}, and of {retry.max_attempts} attempts only"
            f" {retry.max_attempts - 1} can be hedges",
            f"retry: {{max_attempts: {1 + hedge.max_hedges}}}",
        )


def hedge_to_the_same(view: View) -> Iterator[Told]:
    """A hedge that asks the endpoint that is slow already."""
    if view.settings.hedge is not None and view.hosts == 1:
        yield Told(
            view.anchor(("hedge",)),
            "the service has one endpoint, so a hedge asks again the one that is slow",
            "add an endpoint, or hedge: false",
        )
