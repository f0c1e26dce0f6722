"""
Compiled conditions on the value of a header, cookie or query parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from ._match_options import TextMatch


class Condition(Protocol):
    """What a value, or its absence, has to be."""

    def accepts(self, value: str | None) -> bool:
        """Whether *value* fits; None is no value."""


class ExactText:
    """One value."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return repr(self.text)

    def accepts(self, value: str | None) -> bool:
        """Whether *value* is this one."""
        return value == self.text


class PrefixText:
    """Values with one beginning."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return f"{self.text!r}..."

    def accepts(self, value: str | None) -> bool:
        """Whether *value* begins so."""
        return value is not None and value.startswith(self.text)


class RegexText:
    """Values that match as a whole."""

    __slots__ = ("_fullmatch", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._fullmatch = re.compile(text).fullmatch

    def __str__(self) -> str:
        return f"/{self.text}/"

    def accepts(self, value: str | None) -> bool:
        """Whether *value* matches."""
        return value is not None and self._fullmatch(value) is not None


class AnyText:
    """Any value, or none at all."""

    __slots__ = ("present",)

    def __init__(self, present: bool) -> None:
        self.present = present

    def __str__(self) -> str:
        return "present" if self.present else "absent"

    def accepts(self, value: str | None) -> bool:
        """Whether there is a value, or there is none."""
        return (value is not None) is self.present


def compile_text(options: TextMatch) -> Condition:
    """Make the condition that *options* describe."""
    if options.exact is not None:
        return ExactText(options.exact)
    if options.prefix is not None:
        return PrefixText(options.prefix)
    if options.regex is not None:
        return RegexText(options.regex)
    return AnyText(bool(options.present))


def compile_texts(options: Mapping[str, TextMatch]) -> tuple[tuple[str, Condition], ...]:
    """Make a condition for each name."""
    return tuple((name, compile_text(match)) for name, match in options.items())
