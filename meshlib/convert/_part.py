"""
A part of a document that is read by its keys, and keeps account of what was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any

from .._options import parse_duration
from .._problems import Place
from ._ledger import Ledger

_NANOSECONDS = re.compile(r"(\d+)ns")


class Part:
    """
    The value at *place* of a document, whose *ledger* learns what is read of it.

    What is null counts as not said. What is of the wrong type is reported, and then counts
    as not said, too.
    """

    __slots__ = ("ledger", "place", "value")

    def __init__(self, ledger: Ledger, value: Any, place: Place = ()) -> None:
        self.ledger = ledger
        self.value = value
        self.place = place
        if not value:
            ledger.use(place)  # there is nothing in it to be read

    def __iter__(self) -> Iterator[str]:
        return iter(self.value) if isinstance(self.value, dict) else iter(())

    def has(self, key: str) -> bool:
        """Whether *key* says something."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def use(self) -> None:
        """Enter all of it as used."""
        self.ledger.use(self.place)

    def lose(self, key: str, why: str, nearest: str = "", *, lost: bool = True) -> None:
        """Report *key*, if it is there; without a key this whole part."""
        if not key:
            self.ledger.lose(self.place, why, nearest, lost=lost)
        elif self.has(key):
            self.ledger.lose((*self.place, key), why, nearest, lost=lost)

    def raw(self, key: str) -> Any:
        """What *key* says, all of it taken as used; None when nothing is said."""
        if isinstance(self.value, dict) and key in self.value:
            self.ledger.use((*self.place, key))
            return self.value[key]
        return None

    def part(self, key: str) -> Part | None:
        """The mapping at *key*."""
        if not self.has(key):
            self.raw(key)
            return None
        if not isinstance(self.value[key], dict):
            self._wrong(key, "a mapping")
            return None
        return Part(self.ledger, self.value[key], (*self.place, key))

    def parts(self, key: str) -> list[Part]:
        """The mappings in the list at *key*."""
        found: list[Part] = []
        if not self.has(key):
            self.raw(key)
            return found
        items = self.value[key]
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            self._wrong(key, "a list of mappings")
            return found
        if not items:
            self.raw(key)
        return [Part(self.ledger, item, (*self.place, key, n)) for n, item in enumerate(items)]

    def text(self, key: str) -> str | None:
        """The text at *key*."""
        found: str | None = self._typed(key, str, "a text")
        return found

    def flag(self, key: str) -> bool | None:
        """Whether *key* is true."""
        found: bool | None = self._typed(key, bool, "true or false")
        return found

    def number(self, key: str) -> float | None:
        """The number at *key*."""
        value: float | None = self._typed(key, int | float, "a number")
        if value is not None and (isinstance(value, bool) or not isfinite(value)):
            self._wrong(key, "a number")
            return None
        return value

    def whole(self, key: str) -> int | None:
        """The whole number at *key*."""
        value = self.number(key)
        if value is None or value == int(value):
            return None if value is None else int(value)
        self._wrong(key, "a whole number")
        return None

    def seconds(self, key: str) -> float | None:
        """The duration at *key*, in Go's notation, in seconds."""
        value = self.text(key)
        if value is None:
            return None
        try:
            text = _NANOSECONDS.sub(lambda found: f"{int(found[1]) / 1000}us", value)
            return 0.0 if text == "0" else float(parse_duration(text))
        except ValueError:
            self._wrong(key, "a duration")
            return None

    def texts(self, key: str) -> list[str]:
        """The texts in the list at *key*."""
        value = self._typed(key, list, "a list of texts") or []
        if all(isinstance(item, str) for item in value):
            return value
        self._wrong(key, "a list of texts")
        return []

    def pairs(self, key: str) -> dict[str, str]:
        """The texts by name at *key*."""
        value = self._typed(key, dict, "a mapping of texts") or {}
        if all(isinstance(text, str) for text in value.values()):
            return value
        self._wrong(key, "a mapping of texts")
        return {}

    def _typed(self, key: str, kind: Any, wanted: str) -> Any:
        value = self.raw(key)
        if value is None or isinstance(value, kind):
            return value
        self._wrong(key, wanted)
        return None

    def _wrong(self, key: str, wanted: str) -> None:
        self.lose(key, f"{wanted} is needed here, not {self.value[key]!r}")
