"""
What a route may ask of a call.
"""

from __future__ import annotations

import random
from typing import Protocol
from urllib.parse import parse_qsl


class RouteInfo(Protocol):
    """A call, as far as routes are concerned with it."""

    @property
    def method(self) -> str:
        """In upper case."""

    @property
    def path(self) -> str:
        """As it is on the wire: percent-encoded, without the query."""

    @property
    def caller(self) -> str:
        """The name of the mesh that calls."""

    @property
    def tenant(self) -> str | None:
        """Whom the call is made for, if anybody."""

    @property
    def client_ip(self) -> str | None:
        """The address of the client that this process is serving, if any."""

    def header(self, name: str, /) -> str | None:
        """The value of a header, whose *name* is in lower case; repeated ones joined."""

    def query(self, name: str, /) -> str | None:
        """The first value of a parameter of the query, decoded."""

    def cookie(self, name: str, /) -> str | None:
        """The value of a cookie."""

    def draw(self) -> float:
        """A new number from 0 to 1, 1 excluded."""


class HeaderLookup(Protocol):
    """httpx's headers, or a dict with names in lower case."""

    def get(self, name: str, /) -> str | None:
        """The value, repeated ones joined by `, `; None without the header."""


class RequestInfo:
    """
    What routes may ask of a request; query and cookies are parsed when one asks for them.

    *target* is path and query as they are on the wire. For one call, and one thread.
    """

    __slots__ = (
        "_cookies",
        "_headers",
        "_query",
        "_query_text",
        "_rng",
        "caller",
        "client_ip",
        "method",
        "path",
        "tenant",
    )

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: HeaderLookup,
        *,
        rng: random.Random,
        caller: str = "",
        tenant: str | None = None,
        client_ip: str | None = None,
    ) -> None:
        self.method = method
        self.path, _, self._query_text = target.decode("latin-1").partition("?")
        self.caller = caller
        self.tenant = tenant
        self.client_ip = client_ip
        self._headers = headers
        self._rng = rng
        self._query: dict[str, str] | None = None
        self._cookies: dict[str, str] | None = None

    def header(self, name: str, /) -> str | None:
        """The value of a header, whose *name* is in lower case; repeated ones joined."""
        return self._headers.get(name)

    def query(self, name: str, /) -> str | None:
        """The first value of a parameter of the query, decoded."""
        if self._query is None:
            self._query = {}
            for key, value in parse_qsl(self._query_text, keep_blank_values=True):
                self._query.setdefault(key, value)
        return self._query.get(name)

    def cookie(self, name: str, /) -> str | None:
        """The value of a cookie; of several with its name, the first."""
        if self._cookies is None:
            self._cookies = parse_cookies(self._headers.get("cookie") or "")
        return self._cookies.get(name)

    def draw(self) -> float:
        """A new number from 0 to 1, 1 excluded."""
        return self._rng.random()


def parse_cookies(header: str) -> dict[str, str]:
    """
    Cookies by name, of a Cookie header.

    Never raises: what is no cookie is passed over. The first of several with one name
    counts, as RFC 6265, section 5.4, puts the one with the longest path first.
    """
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            cookies.setdefault(name.strip(), value.strip().strip('"'))
    return cookies
