"""
Where the keys of a TOML document begin, which tomllib does not tell.

Only for a document that tomllib has read: what is wrong with one is not found here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable

from ._said_yaml import Parts, Said

_BLANKS = re.compile(r"[ \t]*")
_FILLER = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\"]|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")

_Key = list[tuple[str, int]]  # the names in a dotted key, and where each begins


def said_in_toml(text: str) -> Said:
    """The whole document *text*."""
    return _Scanner(text).document()


class _Scanner:
    """Goes through a text once."""

    def __init__(self, text: str) -> None:
        # tomllib takes \r\n for \n; here \r is a blank, so that indexes stay those of the text.
        self._text = text
        self._at = 0

    def document(self) -> Said:
        root = Said(0, {})
        table = root
        while self._skip(_FILLER) < len(self._text):
            if self._takes("[["):
                table = self._header(root, "]]")
            elif self._takes("["):
                table = self._header(root, "]")
            else:
                self._pair(table)
        return root

    def _header(self, root: Said, end: str) -> Said:
        key = self._key()
        self._takes(end)
        heading = _under(root, key)
        if end == "]":
            heading.parts = {} if heading.parts is None else heading.parts
            return heading
        table = Said(key[-1][1], {})
        heading.parts = [*(heading.parts or ()), table]
        return table

    def _pair(self, table: Said) -> None:
        key = self._key()
        self._takes("=")
        self._skip(_BLANKS)
        _under(table, key).parts = self._value()

    def _key(self) -> _Key:
        names: _Key = []
        while not names or self._takes("."):
            start = self._skip(_BLANKS)
            if match := _STRING.match(self._text, start):
                name = tomllib.loads(f"k = {match[0]}")["k"]
            else:
                match = _BARE_KEY.match(self._text, start)
                assert match is not None, "tomllib has read this document"
                name = match[0]
            names.append((name, start))
            self._at = match.end()
            self._skip(_BLANKS)
        return names

    def _value(self) -> Parts:
        if self._takes("["):
            items: list[Said] = []
            self._until("]", lambda: items.append(Said(self._at, self._value())))
            return items
        if self._takes("{"):
            table = Said(0, {})
            self._until("}", lambda: self._pair(table))
            return table.parts
        match = _STRING.match(self._text, self._at)
        self._skip(_BARE_VALUE if match is None else _STRING)
        return None

    def _until(self, end: str, part: Callable[[], None]) -> None:
        """Read parts with commas between them."""
        while self._skip(_FILLER) < len(self._text) and not self._takes(end):
            part()
            self._skip(_FILLER)
            self._takes(",")

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        self._at = self._at if match is None else match.end()
        return self._at

    def _takes(self, text: str) -> bool:
        taken = self._text.startswith(text, self._at)
        self._at += len(text) * taken
        return taken


def _under(table: Said, key: _Key) -> Said:
    """What stands under *key*; of a list of tables its last one is meant."""
    said = table
    for name, index in key:
        if isinstance(said.parts, list):
            said = said.parts[-1]
        if said.parts is None:
            said.parts = {}
        assert isinstance(said.parts, dict), "tomllib has read this document"
        said = said.parts.setdefault(name, Said(index))
    return said
