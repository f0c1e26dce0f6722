"""
When the server wants to be asked again.

Servers say it in four ways; the first of these that can be read counts: `retry-after-ms`,
`Retry-After` in seconds, `Retry-After` as a date, `X-RateLimit-Reset`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from .._clock import Clock

_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*")

# A longer wait than 30 years is not meant: beyond it a number is a date in seconds since
# the epoch, and beyond the second bound one in milliseconds.
_EPOCH = 1e9
_EPOCH_MILLISECONDS = 1e12


def server_hint(headers: Mapping[str, str], wall: Clock) -> float | None:
    """
    Read the seconds that a server asks to wait, 0 or more; None when it asks for nothing.

    *headers* ignores case, as httpx's do, or has lower-case names. *wall* gives seconds
    since the epoch and is called only for dates; a date that has passed is 0.

    What cannot be read is no hint. `X-RateLimit-Reset` is none either while
    `X-RateLimit-Remaining` is above 0: many servers send both with every response, and
    the reset then says nothing about this one.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000.0
    after = headers.get("retry-after")
    if after is not None:
        seconds = _number(after)
        if seconds is None:
            seconds = _until(_date(after), wall)
        if seconds is not None:
            return seconds
    return _reset(headers, wall)


def _reset(headers: Mapping[str, str], wall: Clock) -> float | None:
    reset = _number(headers.get("x-ratelimit-reset"))
    if reset is None or _number(headers.get("x-ratelimit-remaining")):
        return None
    if reset < _EPOCH:
        return reset
    return _until(reset if reset < _EPOCH_MILLISECONDS else reset / 1000.0, wall)


def _until(instant: float | None, wall: Clock) -> float | None:
    return None if instant is None else max(0.0, instant - wall())


def _number(text: str | None) -> float | None:
    match = None if text is None else _NUMBER.fullmatch(text)
    if match is None:
        return None
    number = float(match[1])
    return number if math.isfinite(number) else None


def _date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        # An HTTP-date is in GMT, also in the form that does not say so (RFC 9110, 5.6.7).
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
