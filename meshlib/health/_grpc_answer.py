"""
What a server of gRPC answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from ._checker import CheckFailedError
from ._grpc_messages import CODES, serving_status

_MAX_BODY = 16384
"""Bytes; the answer has seven or so, and a window of HTTP/2 more than these."""


class GrpcAnswer:
    """An answer, as far as it has come; headers and trailers are one here."""

    __slots__ = ("_body", "_headers", "_reset", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._headers: dict[str, str] = {}
        self._body = b""
        self._reset: int | None = None

    def take_headers(self, headers: Iterable[tuple[str | bytes, str | bytes]]) -> None:
        """Headers came, or trailers; an answer without a body has its trailers in its headers."""
        self._headers.update((_text(name), _text(value)) for name, value in headers)

    def take_body(self, data: bytes) -> None:
        """Some of the message came."""
        self._body += data
        if len(self._body) > _MAX_BODY:
            raise CheckFailedError("the answer is too long for one of grpc.health.v1")

    def take_reset(self, code: int) -> None:
        """The server will say no more."""
        self._reset = code
        self.complete = True

    def judge(self, service: str) -> None:
        """Raise CheckFailedError unless *service* is SERVING."""
        headers = self._headers
        code = headers.get("grpc-status")
        # A server may reset a stream that it has answered before it had read all of it.
        if self._reset is not None and code is None:
            raise CheckFailedError(f"the server reset the stream, with error {int(self._reset)}")
        if headers.get(":status") != "200":
            raise CheckFailedError(f"no answer of gRPC: status {headers.get(':status')} of HTTP")
        kind = headers.get("content-type", "")
        if not kind.startswith("application/grpc"):
            raise CheckFailedError(f"no answer of gRPC: its type is {kind!r:.100}")
        if code != "0":
            raise CheckFailedError(_refusal(code, headers.get("grpc-message", ""), service))
        status = serving_status(self._body)
        if status != "SERVING":
            raise CheckFailedError(f"{service or 'the server'} is {status}")


def _refusal(code: str | None, message: str, service: str) -> str:
    if code is None:
        return "the answer of gRPC has no status"
    number = int(code) if code.isascii() and code.isdigit() else len(CODES)
    name = CODES[number] if number < len(CODES) else f"the unknown status {code:.20}"
    if name == "UNIMPLEMENTED":
        return (
            "this check cannot work: the server does not implement grpc.health.v1.Health "
            "(UNIMPLEMENTED); register that service there, or check otherwise"
        )
    if name == "NOT_FOUND":
        return f"the server knows no service {service!r} (NOT_FOUND)"
    return f"gRPC answered {name}" + (f": {unquote(message)}" if message else "")


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
