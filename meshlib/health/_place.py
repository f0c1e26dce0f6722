"""
Where a check goes: the endpoint's own place, or what the options put in its stead.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from .._models import Endpoint

_SECURE = {"https", "wss"}


@dataclass(frozen=True, slots=True)
class Place:
    """
    Host and port to connect to, and what the endpoint's URL says beside them.

    *authority* is `host:port`, without the port that goes without saying. *path* is what
    stands before that of a request, without a slash at its end.
    """

    host: str
    port: int
    secure: bool
    authority: str
    path: str


def place_of(endpoint: Endpoint, *, port: int | None = None, scheme: str | None = None) -> Place:
    """The place of *endpoint*, with another *port* and *scheme* if given."""
    parts = urlsplit(endpoint.address)
    host, own = parts.hostname or "", parts.port or 0
    secure = (scheme or parts.scheme) in _SECURE
    bracketed = f"[{host}]" if ":" in host else host
    number = port or own
    usual = number == (443 if secure else 80)
    return Place(
        host=host,
        port=number,
        secure=secure,
        authority=bracketed if usual else f"{bracketed}:{number}",
        path=parts.path,
    )
