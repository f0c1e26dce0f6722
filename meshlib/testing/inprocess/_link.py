"""
One request on its way: the connection that carries it, and what both of its ends know.
"""

from __future__ import annotations

import itertools
import logging
from contextvars import Context
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import h11

from ._endpoint import ASGIEndpoint, WSGIEndpoint
from ._pipe import End

logger = logging.getLogger("meshlib.testing")

_ports = itertools.count()
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}

MAX_HEAD = 65536
"""Bytes of a request's head, as uvicorn allows."""
INTERNAL_ERROR = b"Internal Server Error"


@dataclass(slots=True)
class Link:
    """
    One request and the application's end of its connection.

    `failure` is what the caller gets to see raised in place of what the connection does.
    """

    end: End
    context: Context
    origin: tuple[str, str, int]
    endpoint: ASGIEndpoint | WSGIEndpoint
    failure: BaseException | None = None
    client: tuple[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.endpoint.client or ("127.0.0.1", 49152 + next(_ports) % 16384)

    @property
    def info(self) -> dict[str, Any]:
        """What the client's connection knows of its addresses."""
        return {"client_addr": self.client, "server_addr": self.origin[1:]}

    def failed(self, exc: BaseException, *, answered: bool) -> bool:
        """
        Note what the application raised; whether the caller gets it instead of an answer.

        The verdict of a test framework, or an exit, is no failure of a server and reaches
        the caller in any case. Nothing reaches it any more once it has been *answered*.
        """
        if not answered and (self.endpoint.raise_app_exceptions or not isinstance(exc, Exception)):
            self.failure = exc
            return True
        logger.error("the application at %s://%s:%d failed", *self.origin, exc_info=exc)
        return False


def failure_head(status: int) -> h11.Response:
    """The head of the answer to what cannot be answered."""
    return h11.Response(
        status_code=status,
        headers=[("content-type", "text/plain; charset=utf-8"), ("connection", "close")],
        reason=reason_of(status),
    )


def reason_of(status: int) -> bytes:
    """The words beside a status; none for a status that nobody registered."""
    return _REASONS.get(status, b"")
