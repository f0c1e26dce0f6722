"""
From the bytes of an answer to the records in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ._errors import MalformedError

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def records(content: bytes) -> Iterator[Any]:
    """
    The elements of a JSON array, decoded one after the other.

    Decoding ten thousand instances in one go would hold the interpreter's lock, and so
    every call of this process, for a tenth of a second. Raises MalformedError.
    """
    try:
        yield from _elements(content.decode())
    except (ValueError, RecursionError) as exc:
        raise MalformedError("a JSON array is needed", content[:200]) from exc


def prepared_records(content: bytes) -> Iterator[Any]:
    """The same of the answer to a prepared query: `{"Nodes": [...]}`."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise MalformedError("a JSON document is needed", content[:200]) from exc
    nodes = document.get("Nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list):
        raise MalformedError("an object with Nodes is needed", document)
    return iter(nodes)


def _elements(text: str) -> Iterator[Any]:
    place = _skip(text, 0)
    if text[place : place + 1] != "[":
        raise ValueError("no array")
    place = _skip(text, place + 1)
    closed = text[place : place + 1] == "]"
    while not closed:
        element, place = _DECODER.raw_decode(text, place)
        yield element
        place = _skip(text, place)
        mark = text[place : place + 1]
        if mark not in (",", "]") or not mark:
            raise ValueError("neither a comma nor an end")
        closed = mark == "]"
        if not closed:
            place = _skip(text, place + 1)
    if _skip(text, place + 1) != len(text):
        raise ValueError("more than an array")


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return place if found is None else found.end()
