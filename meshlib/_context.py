"""
What the code around a call says about it without passing an argument.

Context variables follow a call through threads started with a copied context, through
tasks and through `await`, so one `with` block works in sync and in async code.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from ._clock import Clock
from ._marks import Marks
from ._public import public
from ._surroundings import ambient_clock

ambient_deadline: ContextVar[float | None] = ContextVar("meshlib_deadline", default=None)
"""The instant, on the monotonic clock, by which calls made here must have ended."""

tenants: ContextVar[tuple[str, ...]] = ContextVar("meshlib_tenants", default=())
"""The tenants for whom calls are made here; the first counts, the others are around it."""


class Priority(enum.IntEnum):
    """
    How much a request matters when not all can be served: the lowest are shed first.

    The four criticalities of Google's "Site Reliability Engineering", chapter 21.
    """

    SHEDDABLE = 0
    """Partial or long unavailability is expected, as of batch work."""
    SHEDDABLE_PLUS = 1
    """Partial unavailability is expected; whoever asks tries again later."""
    CRITICAL = 2
    """Users notice; what a request is that says nothing."""
    CRITICAL_PLUS = 3
    """Users are hurt; capacity is planned for all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRequest:
    """
    The request that this process is serving, as the calls made for it need it.

    *attempt* is 1 unless whoever called is already retrying. *origin* is the id of the
    first request of the chain, *depth* how many services away that is, and *stack* their
    names, the first first, without this one. *caller* is a verified identity, a SPIFFE id,
    a DNS name of a certificate or the subject of a verified token, and None without one.
    *headers* go along with every call made here. *may_retry* is whether those calls may
    be made more than once, which those of a retry may not. *marks* is what these calls
    have found out for whoever called.
    """

    request_id: str
    attempt: int = 1
    priority: Priority = Priority.CRITICAL
    tenant: str | None = None
    client_ip: str | None = None
    origin: str = ""
    depth: int = 0
    stack: tuple[str, ...] = ()
    caller: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    may_retry: bool = True
    marks: Marks = field(default_factory=Marks, repr=False, compare=False)


served_request: ContextVar[ServedRequest | None] = ContextVar("meshlib_served", default=None)
"""The request that is being served here; None outside of one."""


def client_ip() -> str | None:
    """The address of the client that this process is serving, for hashing."""
    served = served_request.get()
    return None if served is None else served.client_ip


class Serving:
    """Whether anything in this process serves requests: where nothing does, no call asks."""

    begun = False


@public
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
