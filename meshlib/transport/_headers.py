"""
Requests and headers built from parts that are valid already.

The libraries keep headers as triples of raw name, lower-case name and value, and offer no way
to add one that does not validate and scan them all, nor to copy a request that does not
parse its URL again. At some 10 µs a request that is more than everything else the mesh
does, so this one module builds them from their parts. A test holds it against what the
public constructors build.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..routing import HeaderEdits

host_of = attrgetter("url._uri_reference.host")
"""The host of a request's URL as it goes over the wire; the public property costs a call."""
reference_of = attrgetter("url._uri_reference")
"""The parts of a request's URL, a tuple: its scheme first; of its path and query the text."""

Triple = tuple[bytes, bytes, bytes]

_new = object.__new__


def triples_of(headers: Any) -> list[Triple]:
    """A copy of the headers as (raw name, lower-case name, value)."""
    triples: list[Triple] = headers._list.copy()
    return triples


def edit_headers(headers: Any, edits: HeaderEdits) -> None:
    """Change *headers* in place."""
    headers._list = edits.edit_triples(headers._list)


def add_header(headers: Any, name: bytes, value: bytes) -> None:
    """Add a header beside those of the same name."""
    headers._list.append((name, name.lower(), value))


def request_maker(kind: Any, headers_kind: Any) -> Callable[..., Any]:
    """A function that makes requests of valid parts, as their constructor does with a stream."""

    def request_of(
        method: str, url: Any, triples: list[Triple], stream: Any, extensions: dict[str, Any]
    ) -> Any:
        headers = _new(headers_kind)
        headers._list = triples
        headers._encoding = None
        request = _new(kind)
        request.method = method
        request.url = url
        request.headers = headers
        request.extensions = extensions
        request.stream = stream
        return request

    return request_of


def response_maker(kind: Any, headers_kind: Any) -> Callable[..., Any]:
    """A function that makes responses of valid parts, as their constructor does with a stream."""

    def response_of(
        status: int, raw: list[tuple[bytes, bytes]], stream: Any, extensions: dict[str, Any]
    ) -> Any:
        headers = _new(headers_kind)
        headers._list = [(name, name.lower(), value) for name, value in raw]
        headers._encoding = None
        response = _new(kind)
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

    return response_of
