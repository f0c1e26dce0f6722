"""
The two messages of `grpc.health.v1.Health/Check`, by hand: not worth a protobuf library.

`HealthCheckRequest` has the text `service` as its field 1, `HealthCheckResponse` the enum
`status` as its field 1. Each is sent with five bytes before it, compression and length.
"""

from __future__ import annotations

import struct

from ._checker import CheckFailedError

PATH = "/grpc.health.v1.Health/Check"

SERVING_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
"""The values of the enum of HealthCheckResponse, in order."""

CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    "UNAUTHENTICATED",
)  # fmt: skip
"""The status codes of gRPC, in order."""


def request(service: str) -> bytes:
    """The message that asks about *service*, with its prefix."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return struct.pack(">BI", 0, len(message)) + message


def serving_status(data: bytes) -> str:
    """The status that is told in *data*, a message with its prefix; raises CheckFailedError."""
    try:
        compressed, length = struct.unpack_from(">BI", data)
        message = data[5:]
        if compressed or len(message) != length:
            raise ValueError
        return _named(_status(message))
    except (ValueError, IndexError, struct.error):
        raise CheckFailedError("the answer is no message of grpc.health.v1") from None


def _status(message: bytes) -> int:
    # The default of an enum is 0, the last of several values counts, and fields that are
    # not known are passed over, all by the encoding's specification.
    status, at = 0, 0
    while at < len(message):
        key, at = _read_varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _read_varint(message, at)
            status = value if key >> 3 == 1 else status
        elif kind == 2:
            length, at = _read_varint(message, at)
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError
    if at > len(message):
        raise ValueError
    return status


def _named(status: int) -> str:
    return SERVING_STATUSES[status] if status < len(SERVING_STATUSES) else f"status {status}"


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at
