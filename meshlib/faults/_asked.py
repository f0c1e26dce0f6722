"""
What a request asks for by the headers of Envoy's fault filter.

Anybody can send headers, so what is not exactly as it must be asks for nothing.
`x-envoy-fault-abort-grpc-request` is not among them: the answers here are HTTP's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_DELAY = "x-envoy-fault-delay-request"
_ABORT = "x-envoy-fault-abort-request"
_THROUGHPUT = "x-envoy-fault-throughput-response"
_SHARE = "-percentage"

_LONGEST = 3_600_000
"""Milliseconds of a delay: no call waits for an hour."""
_FASTEST = 10_000_000
"""KiB a second of a response: more slows nothing."""


class Asked(NamedTuple):
    """
    A fault that headers ask for: *amount* of it, for *percentage* of the requests.

    The percentage, from 0 to 100, is no more than the one that is configured.
    """

    amount: float
    percentage: float


def asked_delay(headers: Mapping[str, str], percentage: float) -> Asked | None:
    """The delay in seconds; it is asked for in milliseconds."""
    asked = _asked(headers, _DELAY, 0, _LONGEST, percentage)
    return None if asked is None else Asked(asked.amount / 1000.0, asked.percentage)


def asked_status(headers: Mapping[str, str], percentage: float) -> Asked | None:
    """The status, from 200 to 599."""
    return _asked(headers, _ABORT, 200, 599, percentage)


def asked_bandwidth(headers: Mapping[str, str], percentage: float) -> Asked | None:
    """The pace of the response in bytes a second; it is asked for in KiB."""
    asked = _asked(headers, _THROUGHPUT, 1, _FASTEST, percentage)
    return None if asked is None else Asked(asked.amount * 1024.0, asked.percentage)


def _asked(
    headers: Mapping[str, str], name: str, lowest: int, highest: int, configured: float
) -> Asked | None:
    amount = _number(headers.get(name, ""), lowest, highest)
    if amount is None:
        return None
    if name + _SHARE not in headers:
        return Asked(amount, configured)
    share = _number(headers[name + _SHARE], 0, 100)
    # Envoy takes the configured one; but nobody is to get more than he meant by a slip.
    return None if share is None else Asked(amount, min(configured, share))


def _number(text: str, lowest: int, highest: int) -> int | None:
    """The whole number that *text* is, from *lowest* to *highest*; else None."""
    text = text.strip(" \t")
    # `isdecimal` alone lets digits of other scripts pass, and `int` also signs.
    if len(text) > 9 or not (text.isascii() and text.isdecimal()):
        return None
    number = int(text)
    return number if lowest <= number <= highest else None
