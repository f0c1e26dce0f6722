"""
Requests and headers built from parts that are valid already.

httpx keeps headers as triples of raw name, lower-case name and value, and offers no way
to add one that does not validate and scan them all, nor to copy a request that does not
parse its URL again. At some 10 µs a request that is more than everything else the mesh
does, so this one module builds them from their parts. A test holds it against what the
public constructors build.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import httpx

from ..routing import HeaderEdits

scheme_of = attrgetter("url._uri_reference.scheme")
"""The scheme of a request's URL; the public property costs a call."""

Triple = tuple[bytes, bytes, bytes]

_Headers = httpx.Headers
_Request = httpx.Request
_Response = httpx.Response
_new = object.__new__


def triples_of(headers: httpx.Headers) -> list[Triple]:
    """A copy of the headers as (raw name, lower-case name, value)."""
    return headers._list.copy()


def edit_headers(headers: httpx.Headers, edits: HeaderEdits) -> None:
    """Change *headers* in place."""
    headers._list = edits.edit_triples(headers._list)


def add_header(headers: httpx.Headers, name: bytes, value: bytes) -> None:
    """Add a header beside those of the same name."""
    headers._list.append((name, name.lower(), value))


def request_of(
    method: str,
    url: httpx.URL,
    triples: list[Triple],
    stream: Any,
    extensions: dict[str, Any],
) -> httpx.Request:
    """A request of these parts, as `httpx.Request(..., stream=...)` makes one."""
    headers = _new(_Headers)
    headers._list = triples
    headers._encoding = None
    request = _new(_Request)
    request.method = method
    request.url = url
    request.headers = headers
    request.extensions = extensions
    request.stream = stream
    return request


def response_of(
    status: int, raw: list[tuple[bytes, bytes]], stream: Any, extensions: dict[str, Any]
) -> httpx.Response:
    """A response of these parts, as `httpx.Response(..., stream=...)` makes one."""
    headers = _new(_Headers)
    headers._list = [(name, name.lower(), value) for name, value in raw]
    headers._encoding = None
    response = _new(_Response)
    response.status_code = status
    response.headers = headers
    response._request = None
    response.next_request = None
    response.extensions = extensions
    response.history = []
    response.is_closed = False
    response.is_stream_consumed = False
    response.default_encoding = "utf-8"
    response.stream = stream
    response._num_bytes_downloaded = 0
    return response
