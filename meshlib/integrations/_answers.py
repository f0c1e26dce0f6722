"""
Answers that are given in the place of the application's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

Headers = tuple[tuple[bytes, bytes], ...]


class Answer(Protocol):
    """A whole response; a refusal of `meshlib.inbound` is one."""

    @property
    def status(self) -> int:
        """Three digits."""
        ...

    @property
    def headers(self) -> Headers:
        """With the length of the body, which HEAD is told too."""
        ...

    @property
    def body(self) -> bytes:
        """What GET gets."""
        ...


class Page(NamedTuple):
    """An answer of our own."""

    status: int
    headers: Headers
    body: bytes = b""


def page(status: int, media_type: str, body: bytes, *headers: tuple[bytes, bytes]) -> Page:
    """An answer with its type and its length."""
    kind = (b"content-type", media_type.encode("ascii"))
    length = (b"content-length", b"%d" % len(body))
    return Page(status, (kind, length, *headers), body)


def problem(status: int, detail: str, *headers: tuple[bytes, bytes]) -> Page:
    """An answer whose body is a problem (RFC 9457)."""
    said = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return page(status, "application/problem+json", json.dumps(said).encode("ascii"), *headers)


LATE = problem(504, "the deadline of the request has passed")
"""The application was not done in time."""


async def send_answer(
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    answer: Answer,
    method: str,
    also: Headers = (),
) -> None:
    """Send *answer* to an ASGI server, with the headers *also*."""
    headers = [*answer.headers, *also]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


def start_answer(
    start_response: Callable[..., object],
    answer: Answer,
    method: str,
    exc_info: Any = None,
    also: Headers = (),
) -> list[bytes]:
    """Begin *answer* at a WSGI server, with the headers *also*; returns its body."""
    headers = [as_text(header) for header in (*answer.headers, *also)]
    status = f"{answer.status} {_phrase(answer.status)}"
    if exc_info is None:
        start_response(status, headers)
    else:
        start_response(status, headers, exc_info)
    return [] if method == "HEAD" else [answer.body]


def as_text(header: tuple[bytes, bytes]) -> tuple[str, str]:
    """A header as WSGI has it."""
    return header[0].decode("latin-1"), header[1].decode("latin-1")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
