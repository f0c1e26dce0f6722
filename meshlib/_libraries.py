"""
Which HTTP library a thing belongs to: their classes look alike, and do not go together.
"""

from __future__ import annotations

import sys
from typing import Any

_CLIENTS = {"httpx": "meshlib", "httpx2": "meshlib.httpx2"}
"""Where the clients and transports of each are."""


def stranger(thing: object, library: str) -> str | None:
    """
    The library that *thing* belongs to, if it belongs to another one than *library*.

    What inherits from the classes of both, or of none, goes with either.
    """
    if _is_of(thing, library):
        return None
    return next((other for other in _CLIENTS if _is_of(thing, other)), None)


def _is_of(thing: object, library: str) -> bool:
    # By the classes themselves: SDKs write another `__module__` into those that they show.
    http = sys.modules.get(library)
    return http is not None and isinstance(
        thing,
        http.BaseTransport
        | http.AsyncBaseTransport
        | http.Request
        | http.Response
        | http.HTTPError,
    )


def library_of(thing: object) -> Any:
    """The library, as a module, that *thing* belongs to; httpx when it is of none."""
    return sys.modules[stranger(thing, "httpx") or "httpx"]


def check_request(request: object, library: str) -> None:
    """Raise TypeError for a request of another library than *library*."""
    other = stranger(request, library)
    if other is not None:
        raise TypeError(
            f"this is a request of {other}, and what should send it is of {library}; "
            f"{_CLIENTS[other]} has clients and transports for {other}"
        )


def check_transport(transport: object, library: str) -> str | None:
    """What is wrong with *transport* under a client of *library*; None when it may be used."""
    other = stranger(transport, library)
    if other is None:
        return None
    return (
        f"it is a transport of {other}, and the client is of {library}: "
        f"take the one of {library}, or the client of {_CLIENTS[other]}"
    )
