"""
Where two JSON values differ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from ._places import Pattern, is_meant, step_into

MISSING: Any = object()
"""Stands for what one side lacks."""
_PAIRED = 64
"""Items of an unordered array that are tried against each other: the work is the square."""

Steps = tuple[str, ...]
Found = tuple[Steps, Any, Any]
"""A place, and what stands there on both sides."""


class Rules(NamedTuple):
    """What does not count as a difference, seen from one place."""

    ignore: tuple[Pattern, ...] = ()
    unordered: tuple[Pattern, ...] = ()
    tolerance: float = 0.0

    def below(self, step: str) -> Rules:
        """The same, seen from a member or item."""
        ignore, unordered, tolerance = self
        if not ignore and not unordered:
            return self
        return Rules(step_into(ignore, step), step_into(unordered, step), tolerance)


def json_differences(one: Any, other: Any, rules: Rules, at: Steps = ()) -> Iterator[Found]:
    """
    Each place where *one* is not as *other*, in order.

    Raises RecursionError for what is nested very deeply.
    """
    if is_meant(rules.ignore):
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            mine, theirs = one.get(key, MISSING), other.get(key, MISSING)
            yield from json_differences(mine, theirs, rules.below(key), (*at, key))
    elif isinstance(one, list) and isinstance(other, list):
        arrays = _unordered if is_meant(rules.unordered) else _ordered
        yield from arrays(one, other, rules, at)
    elif not _same(one, other, rules.tolerance):
        yield at, one, other


def _ordered(one: list[Any], other: list[Any], rules: Rules, at: Steps) -> Iterator[Found]:
    for index in range(max(len(one), len(other))):
        mine = one[index] if index < len(one) else MISSING
        theirs = other[index] if index < len(other) else MISSING
        step = str(index)
        yield from json_differences(mine, theirs, rules.below(step), (*at, step))


def _unordered(one: list[Any], other: list[Any], rules: Rules, at: Steps) -> Iterator[Found]:
    """Take off what both have, item by item; what is left differs, side by side."""
    mine, theirs = _by_text(one, rules), _by_text(other, rules)
    for text in [text for text in mine if text in theirs]:
        both = min(len(mine[text]), len(theirs[text]))
        del mine[text][:both], theirs[text][:both]
    left = sorted(index for items in mine.values() for index in items)
    right = sorted(index for items in theirs.values() for index in items)
    if rules.tolerance and len(left) <= _PAIRED and len(right) <= _PAIRED:
        for index in list(left):
            for candidate in right:
                below = rules.below(str(index))
                if not any(json_differences(one[index], other[candidate], below)):
                    left.remove(index)
                    right.remove(candidate)
                    break
    for number in range(max(len(left), len(right))):
        index = left[number] if number < len(left) else right[number]
        item = one[index] if number < len(left) else MISSING
        counterpart = other[right[number]] if number < len(right) else MISSING
        step = str(index)
        yield from json_differences(item, counterpart, rules.below(step), (*at, step))


def _by_text(items: list[Any], rules: Rules) -> dict[str, list[int]]:
    """The indices of the items that count, by what the items are."""
    found: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        below = rules.below(str(index))
        if not is_meant(below.ignore):
            found.setdefault(_text(item, below), []).append(index)
    return found


def _text(value: Any, rules: Rules) -> str:
    """The same text for what does not differ, tolerance aside."""
    if isinstance(value, dict):
        members = ((key, item, rules.below(key)) for key, item in sorted(value.items()))
        parts = (
            f"{json.dumps(key)}:{_text(item, below)}"
            for key, item, below in members
            if not is_meant(below.ignore)
        )
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        places = [(item, rules.below(str(index))) for index, item in enumerate(value)]
        texts = [_text(item, below) for item, below in places if not is_meant(below.ignore)]
        return f"[{','.join(sorted(texts) if is_meant(rules.unordered) else texts)}]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def _same(one: Any, other: Any, tolerance: float) -> bool:
    if _is_number(one) and _is_number(other):
        if one == other or (one != one and other != other):
            return True
        try:
            return tolerance > 0 and math.isclose(one, other, rel_tol=tolerance)
        except OverflowError:
            return False
    # True is 1 to Python, and not to JSON.
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
