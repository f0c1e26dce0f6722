"""
The JSON that the gateway of etcd speaks: protocol buffers in JSON.

Bytes are base64, an int64 is a text, and what is zero or false is left out.
https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

from ._errors import MalformedError

_LONGEST = 64 * 2**20
"""Bytes of the longest line; etcd itself takes requests of 1.5 MiB and sends messages in parts."""


def encode(value: bytes) -> str:
    """*value* as base64."""
    return b64encode(value).decode("ascii")


def decode(value: Any, what: str) -> bytes:
    """The bytes that *value* stands for; left out, there are none."""
    if value is None:
        return b""
    try:
        if isinstance(value, str):
            return b64decode(value, validate=True)
    except ValueError:
        pass
    raise MalformedError(f"{what} is base64", value)


def int64(value: Any, what: str) -> int:
    """The number that *value* stands for; left out, it is 0."""
    if value is None:
        return 0
    try:
        if isinstance(value, str | int) and not isinstance(value, bool):
            return int(value)
    except ValueError:
        pass
    raise MalformedError(f"{what} is a number", value)


def mapping(value: Any, what: str) -> dict[str, Any]:
    """*value*, which must be an object; left out, it is an empty one."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise MalformedError(f"{what} is an object", value)


def sequence(value: Any, what: str) -> list[Any]:
    """*value*, which must be a list; left out, it is an empty one."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise MalformedError(f"{what} is a list", value)


def parse(line: bytes) -> Any:
    """The value that *line* writes."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedError("JSON is needed", line) from None


class Lines:
    """Puts lines together from chunks, however they were cut."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that *chunk* completes, without empty ones."""
        first, *others = chunk.split(b"\n")
        self._parts.append(first)
        self._size += len(first)
        if self._size > _LONGEST:
            raise MalformedError(f"a line has at most {_LONGEST} bytes", self._parts[0])
        if not others:
            return []
        lines = [b"".join(self._parts), *others[:-1]]
        self._parts, self._size = [others[-1]], len(others[-1])
        return [line for line in lines if line.strip()]
