"""
In which pieces, and how slowly, a fault lets the body of a response through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..faults import Corruption, Fault, corrupt_bytes

_TICK = 0.1
"""Seconds between the pieces of a narrow band: well below any timeout of a read."""


class Shape:
    """
    What becomes of the bytes of one body, piece by piece. Not thread-safe.

    `end` is how many bytes still come, None for all of them.
    """

    __slots__ = ("_corruptions", "_delay", "_offset", "_rate", "_size", "end")

    def __init__(self, fault: Fault) -> None:
        effects = fault.response
        self._corruptions: Sequence[Corruption] = ()
        self._delay = 0.0
        self._offset = 0
        self._rate = 0.0
        self._size = 0
        self.end = fault.after_bytes
        if effects is None:
            return
        self._corruptions = [item for item in effects.corrupt if item.kind == "bytes"]
        self._delay = effects.chunk_delay
        self._size = effects.chunk_size or 0
        if effects.bandwidth:
            self._rate = effects.bandwidth
            tick = max(1, int(effects.bandwidth * _TICK))
            self._size = min(self._size or tick, tick)
        if self.end is None:
            self.end = effects.truncate

    @property
    def changes_nothing(self) -> bool:
        """Whether a body may as well go through as it is."""
        return self.end is None and not (self._corruptions or self._delay or self._size)

    def pieces(self, chunk: bytes) -> Iterator[tuple[float, bytes]]:
        """The pieces that *chunk* goes in, and the seconds to wait before each."""
        for corruption in self._corruptions:
            chunk = corrupt_bytes(corruption, chunk, self._offset)
        self._offset += len(chunk)
        size = self._size or len(chunk) or 1
        for start in range(0, len(chunk), size):
            piece = chunk[start : start + size]
            wait = self._delay
            if self._rate:
                wait += len(piece) / self._rate
            yield wait, piece
