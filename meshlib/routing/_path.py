"""
Compiled conditions on the path of a call, and what they capture of it.
"""

from __future__ import annotations

import re
from typing import Protocol

from ._match_options import PathMatch
from ._template import compile_template, encode_path, parse_template


class PathPattern(Protocol):
    """What a path has to be."""

    def accepts(self, path: str) -> bool:
        """Whether *path* fits."""


class ExactPath:
    """One path."""

    __slots__ = ("ignore_case", "text")

    def __init__(self, text: str, ignore_case: bool) -> None:
        self.text = text.lower() if ignore_case else text
        self.ignore_case = ignore_case

    def __str__(self) -> str:
        return self.text

    def accepts(self, path: str) -> bool:
        """Whether *path* is this one."""
        return (path.lower() if self.ignore_case else path) == self.text


class PrefixPath(ExactPath):
    """Paths with one beginning, wherever it ends: Istio's prefix."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.text}..."

    def accepts(self, path: str) -> bool:
        """Whether *path* begins so."""
        return (path.lower() if self.ignore_case else path).startswith(self.text)

    def rest(self, path: str) -> str:
        """What *path*, which it accepts, has after the prefix."""
        return path[len(self.text) :]


class SegmentsPath(PrefixPath):
    """Paths whose first segments are these: the Gateway API's PathPrefix."""

    __slots__ = ("_below",)

    def __init__(self, text: str, ignore_case: bool) -> None:
        super().__init__(text.rstrip("/"), ignore_case)
        self._below = f"{self.text}/"

    def __str__(self) -> str:
        return f"{self._below}..."

    def accepts(self, path: str) -> bool:
        """Whether *path* is this one, or below it."""
        if self.ignore_case:
            path = path.lower()
        return path == self.text or path.startswith(self._below)


class PatternPath:
    """Paths that match a template or a regular expression as a whole."""

    __slots__ = ("_fullmatch", "head", "key", "text")

    def __init__(self, text: str, pattern: re.Pattern[str], head: str, key: object) -> None:
        self.text = text
        self.head = head
        """What each of its paths begins with, as far as that is known."""
        self.key = key
        """Equal for patterns that match the same paths."""
        self._fullmatch = pattern.fullmatch

    def __str__(self) -> str:
        return self.text

    def accepts(self, path: str) -> bool:
        """Whether *path* matches."""
        return self._fullmatch(path) is not None

    def captures(self, path: str) -> dict[str, str]:
        """What its variables or named groups stand for; a group that took no part is empty."""
        found = self._fullmatch(path)
        return {} if found is None else found.groupdict("")


def compile_path(options: PathMatch) -> PathPattern:
    """Make the condition that *options* describe."""
    ignore_case = options.ignore_case
    if options.exact is not None:
        return ExactPath(encode_path(options.exact), ignore_case)
    if options.prefix is not None:
        return PrefixPath(encode_path(options.prefix), ignore_case)
    if options.path_prefix is not None:
        return SegmentsPath(encode_path(options.path_prefix), ignore_case)
    if options.template is not None:
        template = parse_template(options.template)
        pattern = compile_template(template, ignore_case=ignore_case)
        head = "" if ignore_case else template.parts[0]
        return PatternPath(
            options.template, pattern, head, (template.parts, template.rest, ignore_case)
        )
    regex = options.regex or ""
    return PatternPath(f"regex {regex}", re.compile(regex), "", regex)
