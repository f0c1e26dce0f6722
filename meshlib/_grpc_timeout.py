"""
The value of the `grpc-timeout` header: at most eight digits and a unit.

Defined in gRPC over HTTP/2; checked against grpc-go, whose durations are 64-bit
nanoseconds. Rounding is upwards, so that a peer never gives up before its caller.
"""

from __future__ import annotations

import re

_LARGEST_VALUE = 99_999_999
_LARGEST_NANOSECONDS = 2**63 - 1
_NANOSECONDS = {
    "n": 1,
    "u": 1_000,
    "m": 1_000_000,
    "S": 1_000_000_000,
    "M": 60_000_000_000,
    "H": 3_600_000_000_000,
}
_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])")


def encode_grpc_timeout(seconds: float) -> str:
    """
    Write *seconds* in the finest unit that eight digits suffice for, rounded up.

    0 and less is "0n": the time is over.
    """
    if not seconds > 0.0:
        return "0n"
    # Nearest, because 0.123456789 s is a float a little above 123456789 ns; a wait below
    # one nanosecond is still not over.
    nanoseconds = round(min(seconds * 1e9, float(_LARGEST_NANOSECONDS)))
    return encode_nanoseconds(max(1, nanoseconds))


def decode_grpc_timeout(text: str) -> float | None:
    """
    Read a header value as seconds; None when it is not one.

    More than 64 bits of nanoseconds (292 years) is taken as that.
    """
    nanoseconds = decode_nanoseconds(text)
    return None if nanoseconds is None else nanoseconds / 1e9


def encode_nanoseconds(nanoseconds: int) -> str:
    """Write a whole number of nanoseconds, as `encode_grpc_timeout` does seconds."""
    if nanoseconds <= 0:
        return "0n"
    for unit, size in _NANOSECONDS.items():
        value = -(-nanoseconds // size)
        if value <= _LARGEST_VALUE:
            return f"{value}{unit}"
    return f"{_LARGEST_VALUE}H"


def decode_nanoseconds(text: str) -> int | None:
    """Read a header value as nanoseconds, at most 2**63 - 1; None when it is not one."""
    match = _TIMEOUT.fullmatch(text)
    if match is None:
        return None
    return min(int(match[1]) * _NANOSECONDS[match[2]], _LARGEST_NANOSECONDS)
