"""
The two answers to one call, which come from two threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx

from ...routing.mirror import Answered, Comparer, Comparison
from ...transport import Copied

if TYPE_CHECKING:
    from ._sender import MirrorSender

Triple = tuple[bytes, bytes, bytes]
_SLICE = 1024
"""Bytes that are decompressed at once, so that a small body cannot become a huge one."""


class Pair:
    """
    Holds the answer that came first until the other one is there.

    The original may never come: its caller need not read it. Then this is forgotten with
    the response. Thread-safe.
    """

    __slots__ = ("_body", "_comparer", "_headers", "_mirrored", "_sender", "_status", "copied")

    def __init__(self, sender: MirrorSender, copied: Copied, comparer: Comparer) -> None:
        self._sender = sender
        self.copied = copied
        self._comparer = comparer
        self._status = 0
        self._headers: list[Triple] = []
        self._body: bytes | None = None
        self._mirrored: Answered | None = None

    @property
    def most(self) -> int | None:
        """Bytes of the body of the original that are wanted; None: no body."""
        return self._comparer.max_body if self._comparer.reads_body else None

    def came(self, status: int, headers: list[Triple], body: bytes | None) -> None:
        """The original has its answer, in the thread of its caller."""
        self._headers, self._body = headers, body
        self._status = status  # last: it says that the others are there
        if self._mirrored is not None:
            self._sender.met(self)

    def mirrored_came(self, answer: Answered) -> None:
        """The copy has its answer."""
        self._mirrored = answer
        if self._status:
            self._sender.met(self)

    def compare(self) -> Comparison | None:
        """What differs; None when that was asked before."""
        mirrored, self._mirrored = self._mirrored, None
        if mirrored is None:
            return None
        original = answered(self._status, self._headers, self._body, self.most)
        return self._comparer.compare(original, mirrored)


def answered(status: int, headers: list[Triple], body: bytes | None, most: int | None) -> Answered:
    """An answer as it is compared, its *body* decoded; of more than *most* bytes it has none."""
    texts = [(name.decode("latin-1"), value.decode("latin-1")) for _, name, value in headers]
    if most is None:
        return Answered(status, texts)
    plain = None if body is None else _decoded(headers, body, most)
    reason = "" if plain is not None else f"a body is longer than {most} bytes, or damaged"
    return Answered(status, texts, plain, reason)


def _decoded(headers: list[Triple], body: bytes, most: int) -> bytes | None:
    encodings = [(name, value) for name, lower, value in headers if lower == b"content-encoding"]
    if not encodings:
        return body if len(body) <= most else None
    response = httpx.Response(200, headers=encodings, stream=_Slices(body))
    plain = bytearray()
    try:
        for chunk in response.iter_bytes():
            plain += chunk
            if len(plain) > most:
                return None
    except httpx.HTTPError:
        return None
    return bytes(plain)


class _Slices(httpx.SyncByteStream):
    """A body in small pieces."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), _SLICE):
            yield self._body[start : start + _SLICE]
