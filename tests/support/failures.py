"""
Failures, each twice: suffered from a real server or socket, and injected by a rule.

A test puts both before the same client and holds what the application sees of the one
against the other. `docs/how-to/faults-compared.md` lists them.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from .failing import (
    CERTIFICATES,
    JSON,
    PLAIN,
    Place,
    Site,
    answers,
    breaks,
    in_chunks,
    in_http2,
    nobody_accepts,
    nobody_listens,
    pool_is_full,
    served,
)
from .scripts import (
    Reply,
    close_after_request,
    never_answer,
    never_read,
    replies,
    reset_after_request,
    says,
)

SHORT = 0.05
"""Seconds of a timeout that is to run out."""
PATIENT = (SHORT, 1.0, 10.0)
"""Instead of it: a slow machine lets a short one run out before the failure can happen."""


@dataclass(frozen=True)
class Failure:
    """
    One kind of failure.

    *real* is a place where it happens, *fault* the rule that imitates it at *well*.
    *timeout* and *request* are the caller's. *differs* says how the two still differ.
    """

    name: str
    fault: dict[str, Any]
    real: Place
    well: Place
    timeout: dict[str, float] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    service: dict[str, Any] = field(default_factory=dict)
    only_own: bool = False
    """Not with a `transport=` of the caller's."""
    leaves_generators: bool = False
    """httpx itself leaves one behind, of which Trio warns."""
    differs: str = ""

    def __str__(self) -> str:
        return self.name

    def patiently(self) -> Iterator[Failure]:
        """Itself with a timeout that is short, then longer; once if it has none."""
        for seconds in PATIENT if SHORT in (self.timeout | self.service).values() else (SHORT,):
            given = {
                part: {key: seconds if value == SHORT else value for key, value in kept.items()}
                for part, kept in (("timeout", self.timeout), ("service", self.service))
            }
            yield replace(self, **given)


_GOOD = served(PLAIN)

FAILURES = [
    Failure("refused", {"abort": {"error": "refused"}}, nobody_listens, _GOOD),
    Failure("reset", {"abort": {"error": "reset"}}, served(reset_after_request()), _GOOD),
    Failure(
        "disconnected", {"abort": {"error": "disconnected"}}, served(close_after_request()), _GOOD
    ),
    Failure(
        "response lost",
        {"abort": {"error": "disconnected"}, "when": "after"},
        served(close_after_request()),
        _GOOD,
        request={"method": "POST", "content": b"charge"},
    ),
    Failure(
        "protocol_error",
        {"abort": {"error": "protocol_error"}},
        served(says(b"garbage\r\n\r\n")),
        _GOOD,
    ),
    Failure(
        "dns",
        {"abort": {"error": "dns"}},
        lambda: nullcontext(Site("http://no-such-name.invalid:80")),
        _GOOD,
    ),
    Failure(
        "connect_timeout",
        {"abort": {"error": "connect_timeout"}},
        nobody_accepts,
        _GOOD,
        timeout={"connect": SHORT},
    ),
    Failure(
        "read_timeout",
        {"abort": {"error": "read_timeout"}},
        served(never_answer()),
        _GOOD,
        timeout={"read": SHORT},
    ),
    Failure(
        "write_timeout",
        {"abort": {"error": "write_timeout"}},
        served(never_read()),
        _GOOD,
        timeout={"write": SHORT},
        request={"method": "POST", "content": bytes(20_000_000)},
        leaves_generators=True,
    ),
    Failure(
        "pool_timeout",
        {"abort": {"error": "pool_timeout"}},
        pool_is_full,
        _GOOD,
        timeout={"pool": SHORT},
        only_own=True,
        differs="a `transport=` of your own leaves the text empty; the fault says `timed out`",
    ),
    Failure(
        "blackhole, connecting",
        {"abort": {"blackhole": "connect"}},
        nobody_accepts,
        _GOOD,
        timeout={"connect": SHORT},
    ),
    Failure(
        "blackhole, reading",
        {"abort": {"blackhole": "read"}},
        served(never_answer()),
        _GOOD,
        timeout={"read": SHORT},
    ),
    Failure(
        "blackhole until the attempt's limit",
        {"abort": {"blackhole": "read"}},
        served(never_answer()),
        _GOOD,
        service={"attempt_timeout": SHORT},
    ),
    Failure(
        "blackhole until the deadline",
        {"abort": {"blackhole": "read"}},
        served(never_answer()),
        _GOOD,
        service={"timeout": SHORT},
    ),
    Failure(
        "delay beyond the timeout",
        {"delay": {"fixed": 60}},
        served(never_answer()),
        _GOOD,
        timeout={"read": SHORT},
    ),
    Failure(
        "tls_expired",
        {"abort": {"error": "tls_expired"}},
        CERTIFICATES.place(days=-1),
        CERTIFICATES.place(),
    ),
    Failure(
        "tls_hostname",
        {"abort": {"error": "tls_hostname"}},
        CERTIFICATES.place("other.example"),
        CERTIFICATES.place(),
    ),
    Failure(
        "tls_unknown_ca",
        {"abort": {"error": "tls_unknown_ca"}},
        CERTIFICATES.place(trusted=False),
        CERTIFICATES.place(),
    ),
    Failure(
        "status",
        {
            "abort": {
                "status": 503,
                "retry_after": 2,
                "body": "down",
                "headers": {"content-type": "text/plain"},
            }
        },
        answers(503, b"down", content_type="text/plain", retry_after="2"),
        _GOOD,
        differs="a `date` is always given",
    ),
    Failure("status without a body", {"abort": {"status": 204}}, answers(204), _GOOD),
    Failure(
        "status of a HEAD",
        {"abort": {"status": 500, "body": "down", "headers": {"content-type": "text/plain"}}},
        answers(500, b"down", content_type="text/plain"),
        _GOOD,
        request={"method": "HEAD"},
    ),
    Failure(
        "quota",
        {"quota": {"requests": 1, "window": 60, "status": 429}},
        served(
            replies(
                Reply(200, JSON, {"content-type": "application/json"}),
                Reply(429, headers={"retry-after": "60"}),
            )
        ),
        _GOOD,
        request={"times": 2},
    ),
    Failure(
        "reset after bytes",
        {"abort": {"error": "reset", "after": 5}},
        served(breaks(JSON[:5])),
        _GOOD,
    ),
    Failure(
        "disconnected after bytes",
        {"abort": {"error": "disconnected", "after": 5}},
        served(breaks(JSON[:5], how="close")),
        _GOOD,
    ),
    Failure(
        "read_timeout after bytes",
        {"abort": {"error": "read_timeout", "after": 5}},
        served(breaks(JSON[:5], how="hang")),
        _GOOD,
        timeout={"read": SHORT},
    ),
    Failure(
        "truncated", {"response": {"truncate": 5}}, served(breaks(JSON[:5], how="close")), _GOOD
    ),
    Failure(
        "truncated to nothing",
        {"response": {"truncate": 0}},
        served(breaks(b"", how="close")),
        _GOOD,
    ),
    Failure(
        "truncated in chunks",
        {"response": {"truncate": 5}},
        served(in_chunks(JSON[:5], complete=False)),
        served(in_chunks(JSON)),
    ),
    Failure(
        "truncated silently",
        {"response": {"truncate": 5, "silent": True}},
        answers(200, JSON[:5], content_type="application/json"),
        _GOOD,
    ),
    Failure(
        "slow body",
        {"response": {"chunk_delay": 60}},
        served(breaks(b"", how="hang")),
        _GOOD,
        timeout={"read": SHORT},
    ),
    Failure(
        "bandwidth",
        {"response": {"bandwidth": 0.5}},
        served(breaks(b"", how="hang")),
        _GOOD,
        timeout={"read": SHORT},
    ),
    Failure(
        "corrupted charset",
        {"response": {"corrupt": {"charset": "utf-16-le"}}},
        answers(200, JSON.decode().encode("utf-16-le"), content_type="application/json"),
        _GOOD,
    ),
    Failure(
        "corrupted JSON",
        {"response": {"corrupt": "json"}},
        answers(200, JSON[:-1] + b"<", content_type="application/json"),
        _GOOD,
    ),
    Failure(
        "corrupted gzip",
        {"response": {"corrupt": {"gzip": True}}},
        answers(200, b"\0\0" + gzip.compress(JSON)[2:], content_encoding="gzip"),
        answers(200, gzip.compress(JSON), content_encoding="gzip"),
        leaves_generators=True,
    ),
    Failure(
        "one field",
        {"response": {"corrupt": {"field": {"path": "items[0].price", "value": None}}}},
        answers(
            200, b'{"items": [{"price": null}, {"price": 30}]}', content_type="application/json"
        ),
        _GOOD,
    ),
    Failure(
        "other headers",
        {"response": {"headers": {"set": {"content-type": "text/html"}, "remove": ["x-gone"]}}},
        answers(200, JSON, content_type="text/html"),
        answers(200, JSON, content_type="application/json", x_gone="1"),
    ),
    Failure(
        "another body",
        {"response": {"body": "<html>"}},
        answers(200, b"<html>", content_type="application/json"),
        _GOOD,
    ),
]

_H2 = CERTIFICATES.place(script=in_http2(JSON), http2=True)
HTTP2 = [
    Failure(
        "truncated",
        {"response": {"truncate": 5}},
        CERTIFICATES.place(script=in_http2(JSON[:5]), http2=True),
        _H2,
    ),
    Failure(
        "disconnected after bytes",
        {"abort": {"error": "disconnected", "after": 5}},
        CERTIFICATES.place(script=in_http2(JSON[:5]), http2=True),
        _H2,
    ),
    Failure(
        "response lost",
        {"abort": {"error": "disconnected"}, "when": "after"},
        CERTIFICATES.place(script=in_http2(b"", answers=False), http2=True),
        _H2,
    ),
]
"""Those whose words depend on HTTP/2."""


@dataclass
class Seen:
    """What an application sees of one exchange."""

    errors: list[tuple[str, str]] = field(default_factory=list)
    """Type and text of the error and of each of its causes."""
    asked: str = ""
    """The request that the error, or the response, speaks of."""
    status: int | None = None
    reason: str = ""
    version: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    came: bytes = b""
    """What the response gave before it ended or broke."""


def errors_of(error: BaseException | None) -> list[tuple[str, str]]:
    """Types and texts down the causes, without what an address or a moment puts into them."""
    found = []
    while error is not None:
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        text = re.sub(r"\('127\.0\.0\.1', \d+\)", "ADDRESS", str(error))
        text = re.sub(r"after \d+\.\d+ s", "after N s", text)
        found.append((kind, text))
        error = error.__cause__
    return found
