"""
Whether one condition is true of everything that another is true of.

Each function says True only where that is certain.
"""

from __future__ import annotations

from ._matcher import Matcher
from ._path import ExactPath, PathPattern, PatternPath, PrefixPath, SegmentsPath
from ._text import AnyText, Condition, ExactText, PrefixText, RegexText

Conditions = tuple[tuple[str, Condition], ...]


def covers(wide: Matcher, narrow: Matcher) -> bool:
    """Whether *wide* matches every call that *narrow* matches."""
    return (
        wide.share >= 1.0
        and _names_cover(wide.methods, narrow.methods)
        and path_covers(wide.path, narrow.path)
        and _names_cover(wide.callers, narrow.callers)
        and _names_cover(wide.tenants, narrow.tenants)
        and _all_cover(wide.headers, narrow.headers)
        and _all_cover(wide.query, narrow.query)
        and _all_cover(wide.cookies, narrow.cookies)
        and _exclusions_cover(wide.without_headers, narrow)
    )


def path_covers(wide: PathPattern | None, narrow: PathPattern | None) -> bool:
    """Whether *wide* accepts every path that *narrow* accepts."""
    if wide is None or (isinstance(wide, PrefixPath) and wide.text in ("", "/")):
        return True
    if isinstance(narrow, PrefixPath):
        return isinstance(wide, PrefixPath) and _prefix_covers(wide, narrow)
    if isinstance(narrow, ExactPath):
        blind = isinstance(wide, ExactPath) and wide.ignore_case
        return (blind or not narrow.ignore_case) and wide.accepts(narrow.text)
    if isinstance(narrow, PatternPath):
        if isinstance(wide, PrefixPath):
            # Whatever follows the head of a pattern, this is where its paths begin.
            head = narrow.head.lower() if wide.ignore_case else narrow.head
            return head.startswith(_beginning(wide))
        return isinstance(wide, PatternPath) and wide.key == narrow.key
    return False


def _prefix_covers(wide: PrefixPath, narrow: PrefixPath) -> bool:
    if narrow.ignore_case and not wide.ignore_case:
        return False
    text = narrow.text.lower() if wide.ignore_case else narrow.text
    if isinstance(wide, SegmentsPath) and isinstance(narrow, SegmentsPath):
        return f"{text}/".startswith(_beginning(wide))
    return text.startswith(_beginning(wide))


def _beginning(wide: PrefixPath) -> str:
    return f"{wide.text}/" if isinstance(wide, SegmentsPath) else wide.text


def text_covers(wide: Condition, narrow: Condition) -> bool:
    """Whether *wide* accepts every value that *narrow* accepts."""
    if isinstance(narrow, ExactText):
        return wide.accepts(narrow.text)
    if isinstance(wide, AnyText):
        absent = isinstance(narrow, AnyText) and not narrow.present
        return wide.present is not absent
    if isinstance(wide, PrefixText):
        return isinstance(narrow, PrefixText) and narrow.text.startswith(wide.text)
    return (
        isinstance(wide, RegexText) and isinstance(narrow, RegexText) and wide.text == narrow.text
    )


def _names_cover(wide: frozenset[str], narrow: frozenset[str]) -> bool:
    return not wide or (bool(narrow) and narrow <= wide)


def _all_cover(wide: Conditions, narrow: Conditions) -> bool:
    return all(
        any(name == other and text_covers(condition, theirs) for other, theirs in narrow)
        for name, condition in wide
    )


def _exclusions_cover(wide: Conditions, narrow: Matcher) -> bool:
    """Whether what *wide* excludes is certainly absent from what *narrow* matches."""
    return all(_is_excluded(name, condition, narrow) for name, condition in wide)


def _is_excluded(name: str, condition: Condition, narrow: Matcher) -> bool:
    for other, theirs in narrow.without_headers:
        if other == name and text_covers(theirs, condition):
            return True
    for other, theirs in narrow.headers:
        if other == name and isinstance(theirs, ExactText) and not condition.accepts(theirs.text):
            return True
    return False
