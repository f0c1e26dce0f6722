"""
Compares the answer of a copy with the answer that the caller got.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ._comparison import Answered, Comparison, Difference
from ._json import Rules, json_differences
from ._options import CompareOptions
from ._places import parse_places, pointer_of
from ._shown import shown_json, shown_text

_MOST = 20
"""Differences that are told; nobody reads more, and finding them takes time."""
_NO_JSON: Any = object()


class Comparer:
    """
    Finds what differs between two answers, by rules.

    Thread-safe: it never changes.
    """

    __slots__ = ("_headers", "_rules", "_status", "max_body", "reads_body")

    def __init__(self, options: CompareOptions) -> None:
        self.max_body = options.max_body
        self.reads_body = options.json_
        """Whether it needs the bodies."""
        self._status = options.status
        self._headers = options.headers
        self._rules = Rules(
            parse_places(options.ignore), parse_places(options.unordered), options.tolerance
        )

    def compare(self, original: Answered, mirrored: Answered) -> Comparison:
        """
        What differs.

        Bodies are left out when a status differs that should not: an error's body says
        nothing new then.
        """
        differences: list[Difference] = []
        if self._status and original.status != mirrored.status:
            differences.append(Difference("status", str(original.status), str(mirrored.status)))
        bodies = self.reads_body and not differences
        for name in self._headers:
            mine, theirs = _value(original.headers, name), _value(mirrored.headers, name)
            if mine != theirs:
                shown = shown_text(name, mine), shown_text(name, theirs)
                differences.append(Difference(f"header {name}", *shown))
        left_out = ""
        if bodies:
            if original.body is None or mirrored.body is None:
                left_out = original.reason or mirrored.reason or "a body was not kept"
            else:
                try:
                    differences += islice(self._bodies(original.body, mirrored.body), _MOST)
                except RecursionError:
                    left_out = "a body is nested too deeply"
        return Comparison(tuple(differences[:_MOST]), left_out)

    def _bodies(self, original: bytes, mirrored: bytes) -> Iterator[Difference]:
        if original == mirrored:
            return
        one, other = _parsed(original), _parsed(mirrored)
        if one is _NO_JSON or other is _NO_JSON:
            yield Difference("body", _described(one, original), _described(other, mirrored))
            return
        for steps, mine, theirs in json_differences(one, other, self._rules):
            shown = shown_json(steps, mine), shown_json(steps, theirs)
            yield Difference(pointer_of(steps) or "body", *shown)


def _value(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    values = [value for key, value in headers if key == name]
    return ", ".join(values) if values else None


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return _NO_JSON


def _described(value: Any, body: bytes) -> str:
    return f"no JSON, {len(body)} bytes" if value is _NO_JSON else "JSON"
