"""
A list of endpoints that says of itself how good it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._exceptions import DiscoveryError
from .._models import Endpoint


class Snapshot(tuple[Endpoint, ...]):  # noqa: SLOT001 -- a tuple has no room for slots
    """
    A list of endpoints as any other, with what a plain list cannot say.

    *age* is the seconds since it was known to be right: 0, as of a plain list, says that
    its source lives, and more that somebody remembers for it.
    *error* is what fails meanwhile, though there is a list: one source of several, or the
    one that a snapshot on disk stands in for. Equal to a tuple of the same endpoints.
    """

    age: float
    error: BaseException | None

    def __new__(
        cls,
        endpoints: Iterable[Endpoint] = (),
        *,
        age: float = 0.0,
        error: BaseException | None = None,
    ) -> Snapshot:
        """Make a tuple of *endpoints*."""
        made = super().__new__(cls, endpoints)
        made.age = age
        made.error = error
        return made


def age_of(snapshot: object) -> float:
    """The seconds since *snapshot*, of whatever kind, was known to be right."""
    return snapshot.age if isinstance(snapshot, Snapshot) else 0.0


def error_of(snapshot: object) -> BaseException | None:
    """What fails although *snapshot* was sent."""
    return snapshot.error if isinstance(snapshot, Snapshot) else None


def endpoints_in(snapshot: Any, *, service: str, source: str) -> tuple[Endpoint, ...]:
    """The endpoints that *source* sent; raises DiscoveryError when it sent something else."""
    if isinstance(snapshot, str | bytes | dict) or not hasattr(snapshot, "__iter__"):
        seen, wanted = snapshot, "a list of endpoints"
    else:
        endpoints = tuple(snapshot)
        for endpoint in endpoints:
            if not isinstance(endpoint, Endpoint):
                seen, wanted = endpoint, "an endpoint"
                break
        else:
            return endpoints
    raise DiscoveryError(
        f"the source {source} sent {seen!r:.200} in place of {wanted}",
        service=service,
        source=source,
    )
