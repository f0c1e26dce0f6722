"""
Lines out of chunks.
"""

from __future__ import annotations

_LONGEST = 16 * 1024 * 1024
"""Bytes; etcd takes objects of 1.5 MiB at the most, unless it is told otherwise."""


class Lines:
    """
    Joins chunks and cuts them at line feeds, and at nothing else.

    httpx's own lines end at U+0085 and U+2028 as well, which JSON texts may contain.
    A line of many chunks is joined once, however long it is.
    """

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """
        The lines that *chunk* completes, without blank ones.

        Raises ValueError for a line that no server would send.
        """
        *ended, rest = chunk.split(b"\n")
        lines = []
        for part in ended:
            lines.append(b"".join([*self._parts, part]))
            self._parts.clear()
            self._size = 0
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
        if self._size > _LONGEST:
            raise ValueError(f"a line of more than {_LONGEST} bytes")
        return [line for line in lines if line.strip()]
