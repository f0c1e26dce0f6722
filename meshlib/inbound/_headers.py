"""
The headers that are looked at, and what each of them says.

No reader here raises, and none decides what counts: each turns bytes, which anybody may
have sent, into a value or None. A header that came several times is, as RFC 9110 has it,
one with commas; of what can only restrict, the strictest part counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._context import Priority
from .._grpc_timeout import decode_grpc_timeout

TIMEOUT = b"x-envoy-expected-rq-timeout-ms"
GRPC_TIMEOUT = b"grpc-timeout"
ATTEMPT = b"x-envoy-attempt-count"
REQUEST_ID = b"x-request-id"
PRIORITY = b"x-meshlib-priority"
TENANT = b"x-meshlib-tenant"
CHAIN = b"x-meshlib-chain"
FORWARDED_FOR = b"x-forwarded-for"
FORWARDED = b"forwarded"
AUTHORIZATION = b"authorization"
LOAD = b"x-mesh-load"

KNOWN = frozenset(
    {
        TIMEOUT, GRPC_TIMEOUT, ATTEMPT, REQUEST_ID, PRIORITY, TENANT, CHAIN, FORWARDED_FOR,
        FORWARDED, AUTHORIZATION, LOAD,
    }
)  # fmt: skip
"""All of them."""

_ID = re.compile(rb"[A-Za-z0-9._:=+/@~-]{1,128}")
_TENANT = re.compile(rb"[!-+\--:<-~]{1,128}")
"""Visible, and neither a comma nor a semicolon."""
_DIGITS = 15
"""More is no time that anybody waits: 15 digits of milliseconds are 30,000 years."""
_MOST_ATTEMPTS = 1_000_000

PRIORITIES = {
    b"sheddable": Priority.SHEDDABLE,
    b"sheddable-plus": Priority.SHEDDABLE_PLUS,
    b"critical": Priority.CRITICAL,
    b"critical-plus": Priority.CRITICAL_PLUS,
}
"""By their names on the wire."""

Found = dict[bytes, bytes]


def known_headers(headers: Iterable[tuple[bytes, bytes]]) -> Found:
    """Those of *headers* that are looked at, by name."""
    found: Found = {}
    for name, value in headers:
        if name in KNOWN:
            before = found.get(name)
            found[name] = value if before is None else before + b"," + value
    return found


def seconds_left(found: Found) -> float | None:
    """The time that the caller still has, in seconds; the nearest of all that is said."""
    nearest: float | None = None
    value = found.get(TIMEOUT)
    if value is not None:
        if value.isdigit() and len(value) <= _DIGITS and GRPC_TIMEOUT not in found:
            return int(value) / 1000.0  # as calls of a mesh say it
        for part in value.split(b","):
            part = part.strip()
            if part.isdigit() and len(part) <= _DIGITS:
                nearest = _nearer(nearest, int(part) / 1000.0)
    value = found.get(GRPC_TIMEOUT)
    if value is not None:
        for part in value.split(b","):
            nearest = _nearer(nearest, decode_grpc_timeout(part.strip().decode("latin-1")))
    return nearest


def _nearer(nearest: float | None, seconds: float | None) -> float | None:
    if seconds is None or (nearest is not None and nearest <= seconds):
        return nearest
    return seconds


def attempt_number(found: Found) -> int:
    """Which attempt of its caller this is; 1 when nothing is said."""
    value = found.get(ATTEMPT)
    if value is None:
        return 1
    number = 1
    for part in value.split(b","):
        part = part.strip()
        if part.isdigit():
            number = max(number, int(part[:_DIGITS]))
    return min(number, _MOST_ATTEMPTS)


def request_id(found: Found) -> str | None:
    """The name that the caller gave the request."""
    return _text(found.get(REQUEST_ID), _ID)


def tenant(found: Found) -> str | None:
    """For whom the request says that it is made."""
    return _text(found.get(TENANT), _TENANT)


def _text(value: bytes | None, pattern: re.Pattern[bytes]) -> str | None:
    if value is None or pattern.fullmatch(value) is None:
        return None
    return value.decode("ascii")


def priority(found: Found) -> Priority | None:
    """What the request says that it matters; the lowest where it says several."""
    value = found.get(PRIORITY)
    if value is None:
        return None
    known = [PRIORITIES.get(part.strip().lower()) for part in value.split(b",")]
    return min((one for one in known if one is not None), default=None)
