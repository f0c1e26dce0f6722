"""What is answered to a request that is not served."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

_TYPE = (b"content-type", b"application/problem+json")


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    An answer in the place of the application's: *status*, *headers* and *body*.

    *reason* is a word for events and metrics: `deadline`, `shed`, `token`, `authorization`
    or `fault`. The body is a problem (RFC 9457) and says nothing about rules or callers;
    HEAD is answered without it, and with its length.
    """

    reason: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


def problem(
    reason: str, status: int, title: str, *headers: tuple[bytes, bytes], detail: str = ""
) -> Refusal:
    """A refusal whose body is a problem (RFC 9457)."""
    said: dict[str, object] = {"type": "about:blank", "title": title, "status": status}
    if detail:
        said["detail"] = detail
    body = json.dumps(said).encode("ascii")
    length = (b"content-length", b"%d" % len(body))
    return Refusal(reason, status, (_TYPE, length, *headers), body)


PROBE = b"probe"
"""What a request asks for that is about nothing but the load."""
PROBED = "load"
"""The reason of the answer to it, which is no refusal to those who count them."""


def load_answer(report: bytes) -> Refusal:
    """The *report* of the load, and nothing else."""
    return Refusal(PROBED, 204, ((b"x-mesh-load", report), (b"cache-control", b"no-store")))


EXPIRED = problem("deadline", 504, "Gateway Timeout", detail="the caller's deadline has passed")
FORBIDDEN = problem("authorization", 403, "Forbidden")
_SHED = problem("shed", 503, "Service Unavailable", detail="more requests than can be served")


def shed(retry_after: float) -> Refusal:
    """There is no room; whoever asks may try again in so many seconds, rounded up."""
    seconds = b"%d" % max(1, math.ceil(retry_after))
    return replace(_SHED, headers=(*_SHED.headers, (b"retry-after", seconds)))
