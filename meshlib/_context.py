"""
What the code around a call says about it without passing an argument.

Context variables follow a call through threads started with a copied context, through
tasks and through `await`, so one `with` block works in sync and in async code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ._clock import Clock
from ._surroundings import ambient_clock

ambient_deadline: ContextVar[float | None] = ContextVar("meshlib_deadline", default=None)
"""The instant, on the monotonic clock, by which calls made here must have ended."""

client_ip: ContextVar[str | None] = ContextVar("meshlib_client_ip", default=None)
"""The address of the client that this process is serving, for hashing."""


tenants: ContextVar[tuple[str, ...]] = ContextVar("meshlib_tenants", default=())
"""The tenants for whom calls are made here; the first counts, the others are around it."""


@contextmanager
def deadline(seconds: float, *, clock: Clock | None = None) -> Iterator[float]:
    """
    Give every call made inside this block *seconds* in all.

    Blocks nest: the nearer deadline wins, so an inner block can shorten what an outer
    one allows and never extend it. Yields the instant on the monotonic clock. A value
    of 0 or less is an expired deadline: calls are refused at once.

    Works in sync and async code, and in threads that were given this context. *clock*
    must be the one the mesh uses, by default the monotonic one; only tests change it.
    """
    instant = (clock or ambient_clock())() + seconds
    outer = ambient_deadline.get()
    if outer is not None and outer < instant:
        instant = outer
    token = ambient_deadline.set(instant)
    try:
        yield instant
    finally:
        ambient_deadline.reset(token)
