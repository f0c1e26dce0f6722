"""
Answers that no endpoint gives.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from ._change_options import DirectResponseOptions
from ._headers import Pair


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its *status*, its *headers* as they go to the wire, and its *body*."""

    status: int
    headers: tuple[Pair, ...]
    body: bytes


class Responder(Protocol):
    """Answers calls instead of an endpoint. Pure."""

    def answer(self, scheme: str, authority: str, target: bytes) -> Answer:
        """The answer to a request for *target*, path and query as on the wire."""


class DirectResponse:
    """
    Gives one answer to every call.

    Thread-safe: it never changes.
    """

    __slots__ = ("_answer",)

    def __init__(self, options: DirectResponseOptions) -> None:
        kind, body = None, b""
        if "json_" in options.model_fields_set:
            kind = "application/json"
            text = json.dumps(options.json_, ensure_ascii=False, separators=(",", ":"))
            body = text.encode("utf-8", "surrogatepass")
        elif options.body is not None:
            kind, body = "text/plain; charset=utf-8", options.body.encode("utf-8", "surrogatepass")
        headers = dict(options.headers)
        if kind is not None:
            headers.setdefault("content-type", kind)
        if options.status not in (204, 304):
            headers["content-length"] = str(len(body))
        else:
            body = b""  # RFC 9110: these statuses have none
        self._answer = Answer(
            options.status,
            tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()),
            body,
        )

    def answer(self, scheme: str, authority: str, target: bytes) -> Answer:
        """The same for every request."""
        return self._answer
