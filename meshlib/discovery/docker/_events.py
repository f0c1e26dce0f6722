"""
What the daemon tells as it happens.

https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemEvents
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# `kill`, `stop` and `restart` come together with `die`; `destroy` may come without it.
FILTERS = {
    "type": ["container", "network"],
    "event": [
        "start",
        "die",
        "pause",
        "unpause",
        "health_status",
        "destroy",
        "connect",
        "disconnect",
    ],
}
_LONGEST = 4 * 2**20
"""Bytes of an event: those of its labels, mostly."""


class MalformedError(ValueError):
    """An event is not what the documentation of Docker says."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something happened to the container *id*; *labels* are None where they are not told."""

    id: str
    labels: Mapping[str, str] | None


def parse_event(line: bytes) -> Happening | None:
    """What *line* tells; None for what concerns no container. Raises MalformedError."""
    try:
        document: Any = json.loads(line)
        actor = document["Actor"]
        attributes = actor.get("Attributes") or {}
        kind, ident, container = document["Type"], actor["ID"], attributes.get("container", "")
        texts = all(isinstance(text, str) for text in (kind, ident, container))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        texts = False
    if not texts:
        raise MalformedError(f"an event is needed, not {line!r:.200}")
    if kind == "network":
        return Happening(container, None) if container else None
    return Happening(ident, attributes) if kind == "container" and ident else None


class Lines:
    """Puts lines together from chunks, however they were cut."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that *chunk* completes, without empty ones. Raises MalformedError."""
        first, *others = chunk.split(b"\n")
        self._parts.append(first)
        self._size += len(first)
        if self._size > _LONGEST:
            raise MalformedError(f"an event has at most {_LONGEST} bytes")
        if not others:
            return []
        lines = [b"".join(self._parts), *others[:-1]]
        self._parts, self._size = [others[-1]], len(others[-1])
        return [line for line in lines if line.strip()]
