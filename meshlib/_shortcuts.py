"""
What both clients skip, and how they see that they may.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import httpx

from .transport import request_of, triples_of

_URL_CACHE = 1024
"""Parsed URLs kept by a client: parsing one costs as much as all decisions of a call."""

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_EMPTY = httpx.ByteStream(b"")
_LOWER_NAME = itemgetter(1)
_COOKIES = frozenset({b"set-cookie", b"set-cookie2"})
"""The second is of RFC 2965: a `CookieJar` with a policy of its own may take it."""


def quick_request(client: Any, urls: dict[str, Any], method: str, url: Any) -> Any:
    """
    The request that `client.build_request(method, url)` builds, or None when it needs more.

    For requests without a body, from clients without parameters and cookies of their own.
    """
    if method not in _BODILESS or client._params or client._cookies:
        return None
    known = urls.get(url) if type(url) is str else None
    if known is None:
        known = _parse(urls, url)
        if known is None:
            return None
    parsed, host = known
    headers = triples_of(client._headers)
    if b"host" in map(_LOWER_NAME, headers):
        return None
    headers.insert(0, host)
    extensions = {"timeout": client._timeout.as_dict()}
    request = request_of(method, parsed, headers, _EMPTY, extensions)
    request._content = b""
    return request


def _parse(urls: dict[str, Any], url: Any) -> Any:
    parsed = httpx.URL(url)
    if parsed.is_relative_url or not parsed.host:
        return None
    known = (parsed, (b"Host", b"host", parsed.netloc))
    if type(url) is str:
        if len(urls) >= _URL_CACHE:
            urls.clear()
        urls[url] = known
    return known


def has_cookie(response: httpx.Response) -> bool:
    """Whether *response* sets a cookie."""
    return not _COOKIES.isdisjoint(map(_LOWER_NAME, response.headers._list))


def body_is_plain(response: httpx.Response) -> bool:
    """Whether the body of *response* is still to be read, and needs no decoding."""
    return not response.is_closed and b"content-encoding" not in map(
        _LOWER_NAME, response.headers._list
    )
