"""
What rules compare texts with: exact, prefix, suffix and presence, as in Istio.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_OPERATOR = re.compile(r"\{[^}]*\}")
_LONGEST = 40
"""Characters of a text that an error repeats."""


class Pattern(NamedTuple):
    """
    *kind* is `exact`, `prefix`, `suffix`, `any` or `template`; *text* what it compares with.

    A `template` matches its *regex* as a whole.
    """

    kind: str
    text: str
    regex: re.Pattern[str] | None = None

    def accepts(self, value: str) -> bool:
        """Whether *value* fits; nothing fits an empty one but its own."""
        kind = self.kind
        if kind == "exact":
            return value == self.text
        if kind == "prefix":
            return value.startswith(self.text)
        if kind == "suffix":
            return value.endswith(self.text)
        if self.regex is not None:
            return self.regex.fullmatch(value) is not None
        return value != ""

    def covers(self, other: Pattern) -> bool:
        """Whether whatever *other* accepts is accepted; False also where nobody can tell."""
        if self.kind == "any" or self == other:
            return True
        if other.kind == "exact":
            return self.accepts(other.text)
        if self.kind == other.kind == "prefix":
            return other.text.startswith(self.text)
        if self.kind == other.kind == "suffix":
            return other.text.endswith(self.text)
        if self.kind == "prefix" and other.kind == "template":
            return other.text.partition("{")[0].startswith(self.text)
        return False


def accepts_any(patterns: Iterable[Pattern], value: str) -> bool:
    """Whether one of *patterns* accepts *value*."""
    return any(pattern.accepts(value) for pattern in patterns)


def covers_all(patterns: Iterable[Pattern], others: Iterable[Pattern]) -> bool:
    """Whether each of *others* is covered by one of *patterns*."""
    own = tuple(patterns)
    return all(any(one.covers(other) for one in own) for other in others)


def text_pattern(said: str) -> Pattern:
    """The pattern that *said* describes: `a`, `a*`, `*a` or `*`. Raises ValueError."""
    if said == "*":
        return Pattern("any", "")
    kind, text = "exact", said
    if said.endswith("*"):
        kind, text = "prefix", said[:-1]
    elif said.startswith("*"):
        kind, text = "suffix", said[1:]
    if "*" in text or not text:
        raise ValueError(f"{_short(said)} is no pattern; a star stands at its beginning or its end")
    return Pattern(kind, text)


def caller_pattern(said: str) -> Pattern:
    """
    A pattern of callers; DNS names are compared without regard to case. Raises ValueError.

    That of a URL ends at a slash, so that no name begins with that of somebody else.
    """
    pattern = text_pattern(said)
    if "/" not in said:
        return pattern._replace(text=pattern.text.lower())
    if pattern.kind == "prefix" and not pattern.text.endswith("/"):
        raise ValueError(f"{_short(said)} also means who only begins so; end it with /*")
    return pattern


def service_pattern(said: str) -> Pattern:
    """A pattern of services, compared without regard to case. Raises ValueError."""
    pattern = text_pattern(said)
    return pattern._replace(text=pattern.text.lower())


def path_pattern(said: str, *, ignore_case: bool = False) -> Pattern:
    """
    A pattern of paths, which may also be a template. Raises ValueError.

    In a template `{*}` is one segment, and `{**}` any number of them.
    """
    text = said.lower() if ignore_case else said
    if "{" in text or "}" in text:
        return _template(text)
    pattern = text_pattern(text)
    if pattern.kind in ("exact", "prefix") and not pattern.text.startswith("/"):
        raise ValueError(f"{_short(said)} is no path; it begins with a slash")
    return pattern


def _template(text: str) -> Pattern:
    regex, position, several = "", 0, 0
    for found in _OPERATOR.finditer(text):
        before, after = text[position : found.start()], text[found.end() : found.end() + 1]
        if found[0] not in ("{*}", "{**}") or not before.endswith("/") or after not in ("", "/"):
            raise ValueError(f"{_short(text)}: {{*}} and {{**}} stand for whole segments")
        regex += re.escape(before) + ("[^/]+" if found[0] == "{*}" else ".*")
        several += found[0] == "{**}"
        position = found.end()
    rest = text[position:]
    if several > 1:
        raise ValueError(f"{_short(text)}: {{**}} can stand there once")
    if not text.startswith("/") or any(mark in rest for mark in "{}*") or not position:
        raise ValueError(f"{_short(text)} is no template of a path; write /users/{{*}}/orders")
    return Pattern("template", text, re.compile(regex + re.escape(rest), re.DOTALL))


def _short(said: str) -> str:
    return repr(said if len(said) <= _LONGEST else f"{said[:_LONGEST]}...")
