"""
What both clients skip, and how they see that they may.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import httpx
import httpx._client  # its states and its mark for "not given" have no public names

from ._libraries import check_request
from .transport import request_maker, triples_of

_URL_CACHE = 1024
"""Parsed URLs kept by a client: parsing one costs as much as all decisions of a call."""

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_LOWER_NAME = itemgetter(1)
_COOKIES = frozenset({b"set-cookie", b"set-cookie2"})
"""The second is of RFC 2965: a `CookieJar` with a policy of its own may take it."""


DEFAULT: Final[Any] = object()
"""In the place of an argument that was not given, whatever the library has for that."""


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """What the clients of an HTTP library are made of, as far as shortcuts need it."""

    http: Any
    opened: Any
    closed: Any
    """The states of a client."""
    unset: type
    default: Any
    """Its own mark for an argument that was not given, and the class of that."""
    empty: Any
    logger: logging.Logger
    request_error: Any
    request_of: Callable[..., Any]

    def check(self, request: object) -> None:
        """Raise TypeError for a request of another library."""
        check_request(request, self.http.__name__)


def library_of(http: Any, clients: Any) -> Library:
    """The facts of the library *http*, whose module of clients is *clients*."""
    return Library(
        http=http,
        opened=clients.ClientState.OPENED,
        closed=clients.ClientState.CLOSED,
        unset=clients.UseClientDefault,
        default=http.USE_CLIENT_DEFAULT,
        empty=http.ByteStream(b""),
        logger=logging.getLogger(http.__name__),
        request_error=http.RequestError,
        request_of=request_maker(http.Request, http.Headers),
    )


HTTPX_CLIENT = library_of(httpx, httpx._client)


def quick_request(client: Any, urls: dict[str, Any], method: str, url: Any) -> Any:
    """
    The request that `client.build_request(method, url)` builds, or None when it needs more.

    For requests without a body, from clients without parameters and cookies of their own.
    """
    if method not in _BODILESS or client._params or client._cookies:
        return None
    library: Library = client.insides
    known = urls.get(url) if type(url) is str else None
    if known is None:
        known = _parse(urls, url, library.http)
        if known is None:
            return None
    parsed, host = known
    headers = triples_of(client._headers)
    if b"host" in map(_LOWER_NAME, headers):
        return None
    headers.insert(0, host)
    extensions = {"timeout": client._timeout.as_dict()}
    request = library.request_of(method, parsed, headers, library.empty, extensions)
    request._content = b""
    return request


def _parse(urls: dict[str, Any], url: Any, http: Any) -> Any:
    parsed = http.URL(url)
    if parsed.is_relative_url or not parsed.host:
        return None
    known = (parsed, (b"Host", b"host", parsed.netloc))
    if type(url) is str:
        if len(urls) >= _URL_CACHE:
            urls.clear()
        urls[url] = known
    return known


def has_cookie(response: Any) -> bool:
    """Whether *response* sets a cookie."""
    return not _COOKIES.isdisjoint(map(_LOWER_NAME, response.headers._list))


def body_is_plain(response: Any) -> bool:
    """Whether the body of *response* is still to be read, and needs no decoding."""
    return not response.is_closed and b"content-encoding" not in map(
        _LOWER_NAME, response.headers._list
    )
