"""
What came of each record of the last answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

_Result = TypeVar("_Result")
_OPENING = b'{"Node":{'
_SEAM = b"," + _OPENING


class Memory(Generic[_Result]):
    """
    Remembers what *judge* made of a record, by a digest of it as it was sent.

    Consul sends the whole list whenever one of its instances changes; decoding ten thousand
    to find a hundred new ones takes ten times as long as recognising the others.
    """

    __slots__ = ("_judge", "_known")

    def __init__(self, judge: Callable[[Any], _Result]) -> None:
        self._judge = judge
        self._known: dict[bytes, _Result] = {}

    def results(self, content: bytes) -> Iterator[_Result]:
        """
        What came of each record, in order.

        Raises ValueError, maybe after some results, when *content* cannot be cut into
        records without decoding it, as when it has been indented.
        """
        known, seen = self._known, {}
        for piece in pieces(content):
            digest = hashlib.blake2b(piece, digest_size=16).digest()
            if digest in known:
                result = known[digest]
            else:
                result = self._judge(json.loads(piece))
            seen[digest] = result
            yield result
        self._known = seen


def pieces(content: bytes) -> Iterator[bytes]:
    """
    *content* without its brackets, cut before each record.

    Where the cut would not be between two records, as within one, at least one of the two
    pieces is no JSON; so pieces that are JSON, all of them, are the elements of the array.
    The seam itself has quotes, which no text within JSON has without a backslash.
    """
    content = content.strip()
    if not content.startswith(b"[" + _OPENING) or not content.endswith(b"]"):
        raise ValueError("no array of instances")
    first, *others = content[1:-1].split(_SEAM)
    yield first
    for piece in others:
        yield _OPENING + piece
