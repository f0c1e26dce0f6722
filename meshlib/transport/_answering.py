"""
Responses as a fault makes them: answers that no endpoint gave, and headers that it alters.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from ..faults import Fault
from ._sdk import Sdk

Pairs = list[tuple[bytes, bytes]]

_BODILESS = (204, 304)
_FRAMING = ("content-length", "transfer-encoding", "content-encoding")


def answer(fault: Fault, request: Any, wall: float, sdk: Sdk) -> Any:
    """
    The response that an abort gives in place of the endpoint, unread as one of the wire.

    *wall* is the time of its Date, in seconds since the epoch.
    """
    status = fault.status
    assert status is not None
    body = fault.body.encode()
    given: dict[str, str | None] = {"date": formatdate(wall, usegmt=True)}
    if status not in _BODILESS:
        given["content-length"] = str(len(body))
        if body:
            given["content-type"] = "text/plain; charset=utf-8"
    if fault.retry_after is not None:
        given["retry-after"] = f"{fault.retry_after:g}"
    for name, value in fault.headers.items():
        given[name.lower()] = value
    if not has_body(request, status):
        body = b""
    known = {item.value: item.phrase for item in HTTPStatus}
    extensions = {
        "http_version": b"HTTP/1.1",
        "reason_phrase": known.get(status, "").encode("ascii"),
    }
    return sdk.response_of(status, edited([], given), sdk.byte_stream(body), extensions)


def has_body(request: Any, status: int) -> bool:
    """Whether a response with this *status* to *request* may have a body."""
    return request.method != "HEAD" and status >= 200 and status not in _BODILESS


def edited(raw: Pairs, changes: Mapping[str, str | None]) -> Pairs:
    """*raw* headers with each of *changes* in place of those of its name; None removes them."""
    names = {name.lower().encode("ascii") for name in changes}
    kept = [pair for pair in raw if pair[0].lower() not in names]
    kept += [
        (name.encode("ascii"), value.encode("utf-8"))
        for name, value in changes.items()
        if value is not None
    ]
    return kept


def replaced(body: bytes) -> dict[str, str | None]:
    """The headers that a whole other *body* changes."""
    return {**dict.fromkeys(_FRAMING), "content-length": str(len(body))}


def is_http2(response: Any) -> bool:
    """Whether *response* came over HTTP/2, whose connections break in other words."""
    return bool(response.extensions.get("http_version") == b"HTTP/2")


def length_of(headers: Mapping[str, str]) -> int | None:
    """The length that *headers* announce, or None for a body in chunks."""
    try:
        return int(headers.get("content-length", ""))
    except ValueError:
        return None


def lengthened(raw: Pairs, length: int) -> Pairs:
    """*raw* with the new *length* of the body, if it announced one."""
    if any(name.lower() == b"content-length" for name, _ in raw):
        return edited(raw, {"content-length": str(length)})
    return raw


def shortened(raw: Pairs, end: int | None, sdk: Sdk) -> Pairs:
    """*raw* for a body that ends after *end* bytes, as if it were the whole one."""
    length = length_of(sdk.headers(raw))
    if length is None or end is None:
        return raw
    return edited(raw, {"content-length": str(min(length, end))})
