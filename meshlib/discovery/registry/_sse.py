"""
Server-sent events, as the HTML standard has them, from bytes.

Why not a library: httpx-sse hides comments, which say that a silent server lives, makes an
empty event of each, and grows without bound with a line that never ends.
"""

from __future__ import annotations

from dataclasses import dataclass

_LIMIT = 64 * 1024 * 1024
"""Bytes of one event: some 400,000 instances."""


@dataclass(frozen=True, slots=True)
class Event:
    """What the server told; *id* is the last one that it has sent."""

    kind: str
    id: str
    data: str


class EventDecoder:
    """
    Makes events of a stream, whichever way it is cut into chunks.

    An event that the end of the stream cuts off is dropped.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._line: list[bytes] = []
        self._after_return = False
        self._begun = False
        self._kind = ""
        self._id = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Event | None]:
        """
        What *chunk* completes; None stands for a comment.

        Raises ValueError for an event that is too long.
        """
        if not chunk:
            return []
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # of a line end that was cut in two
        self._after_return = chunk.endswith(b"\r") if chunk else False
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *ended, rest = chunk.split(b"\n")
        found: list[Event | None] = []
        for part in ended:
            self._size += len(part)
            self._line.append(part)
            line = b"".join(self._line)
            self._line.clear()
            self._take(line, found)
        if rest:
            self._size += len(rest)
            self._line.append(rest)
        self._check()
        return found

    def _check(self) -> None:
        if self._size > self._limit:
            raise ValueError(f"an event of more than {self._limit} bytes")

    def _take(self, raw: bytes, found: list[Event | None]) -> None:
        if not self._begun:
            self._begun = True
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if not raw:
            self._size = 0
            if self._data:
                found.append(Event(self._kind or "message", self._id, "\n".join(self._data)))
            self._kind, self._data = "", []
            return
        name, _, value = raw.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if not name:
            found.append(None)
        elif name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._id = value
