"""What is known of a request before anything of it is served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Header = tuple[bytes, bytes]


class Head:
    """
    A request as its driver has it: *method*, and *path* without its escapes.

    *headers* are pairs with their names in lower case; one name may come more than once.
    *query* is as it was sent, without the question mark. *peer* is the address of the other
    side of the socket, without a port, and None where there is none; no header may change
    it. *identity* is the `PeerIdentity` of a verified certificate. *route* is the template
    that an application matched, if it knows already.
    """

    __slots__ = ("headers", "identity", "method", "path", "peer", "query", "route", "scheme")

    def __init__(
        self,
        method: str,
        path: str,
        headers: Sequence[Header] = (),
        *,
        scheme: str = "http",
        peer: str | None = None,
        identity: Any = None,
        route: str | None = None,
        query: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.scheme = scheme
        self.peer = peer
        self.identity = identity
        self.route = route
        self.query = query

    def among(self, names: frozenset[bytes]) -> list[Header]:
        """Those of its headers whose name is one of *names*."""
        among = []  # no comprehension: up to Python 3.11 it is one more function
        for header in self.headers:
            if header[0] in names:
                among.append(header)  # noqa: PERF401 -- see above
        return among
