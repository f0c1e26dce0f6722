"""
Reading a document that anybody may have written into a store.
"""

from __future__ import annotations

import enum
import json
from typing import Any, TypeVar

from ..._exceptions import ConfigurationError

_Choice = TypeVar("_Choice", bound=enum.Enum)
_LARGEST = 2**53
"""Counts are exact up to here in every reader of JSON."""


class Fields:
    """The values of a JSON object, each asked for by what it must be."""

    __slots__ = ("_path", "_values")

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path

    def error(self, key: str, message: str) -> ConfigurationError:
        """An error that says where."""
        return ConfigurationError(f"in the canary's record: {message}", path=self._path + key)

    def within(self, key: str) -> Fields:
        """The object at *key*."""
        return Fields(self._get(key, dict, "an object"), f"{self._path}{key}.")

    def text(self, key: str) -> str:
        """The text at *key*."""
        found: str = self._get(key, str, "a text")
        return found

    def flag(self, key: str) -> bool:
        """True or false."""
        found: bool = self._get(key, bool, "true or false")
        return found

    def count(self, key: str) -> int:
        """A whole number from 0."""
        found = self._get(key, int, "a whole number")
        if isinstance(found, bool) or not 0 <= found <= _LARGEST:
            raise self.error(key, f"{_short(found)} is no count")
        return int(found)

    def number(self, key: str) -> float:
        """A finite number."""
        return self._finite(key, self._get(key, (int, float), "a number"))

    def ratio(self, key: str) -> float:
        """A number from 0 to 1."""
        found = self.number(key)
        if not 0.0 <= found <= 1.0:
            raise self.error(key, f"{found:g} is not from 0 to 1")
        return found

    def numbers(self, key: str, length: int) -> tuple[float, ...]:
        """So many finite numbers."""
        found = self._get(key, list, "a list")
        if len(found) != length:
            raise self.error(key, f"{length} numbers are needed, not {len(found)}")
        return tuple(self._finite(key, each) for each in found)

    def texts(self, key: str) -> tuple[str, ...]:
        """Texts, however many."""
        found = self._get(key, list, "a list")
        if not all(isinstance(each, str) for each in found):
            raise self.error(key, "a list of texts is needed")
        return tuple(found)

    def choice(self, key: str, choices: type[_Choice]) -> _Choice:
        """One of the values of an enumeration."""
        found = self.text(key)
        for each in choices:
            if each.value == found:
                return each
        raise self.error(key, f"{_short(found)} is none of those it may be")

    def _get(self, key: str, kind: type | tuple[type, ...], called: str) -> Any:
        found = self._values.get(key)
        if not isinstance(found, kind):
            raise self.error(key, f"{called} is needed, not {_short(found)}")
        return found

    def _finite(self, key: str, value: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        # One comparison for infinities, what is not a number, and ints no float can hold.
        if not (number and -_LARGEST <= value <= _LARGEST):
            raise self.error(key, f"{_short(value)} is no finite number")
        return float(value)


def parse_object(content: bytes) -> Fields:
    """Parse JSON; raises ConfigurationError for anything but an object."""
    try:
        found = json.loads(content.decode())
    except (ValueError, RecursionError) as exc:
        raise ConfigurationError(f"the canary's record is no JSON: {exc}") from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"the canary's record is no object but {_short(found)}")
    return Fields(found)


def _short(value: object) -> str:
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number too large"  # which str() may refuse to write
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
