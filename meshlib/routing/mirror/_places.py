"""
Places in JSON, told by pointers with wildcards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_ESCAPE = re.compile(r"~(?![01])")

Pattern = tuple[str, ...]
"""Steps still to take; `*` is any one, `**` any number of them."""


def parse_places(pointers: Iterable[str]) -> tuple[Pattern, ...]:
    """
    Patterns of *pointers*: JSON Pointers (RFC 6901) with wildcards; a slash begins each.

    Raises ValueError for what is none.
    """
    patterns = []
    for pointer in pointers:
        if not isinstance(pointer, str) or not pointer.startswith("/"):
            raise ValueError(f"{pointer!r} is no place; write it as /items/*/id")
        if _ESCAPE.search(pointer):
            raise ValueError(f"{pointer!r}: write ~ as ~0, and / in a name as ~1")
        steps = pointer.split("/")[1:]
        patterns.append(tuple(step.replace("~1", "/").replace("~0", "~") for step in steps))
    return tuple(patterns)


def step_into(patterns: tuple[Pattern, ...], step: str) -> tuple[Pattern, ...]:
    """What is left of *patterns* below the member or item *step*."""
    if not patterns:
        return patterns
    return tuple(dict.fromkeys(rest for one in patterns for rest in _after(one, step)))


def is_meant(patterns: tuple[Pattern, ...]) -> bool:
    """Whether one of *patterns*, stepped into so far, means this very place."""
    return any(all(step == "**" for step in pattern) for pattern in patterns)


def _after(pattern: Pattern, step: str) -> Iterator[Pattern]:
    if not pattern:
        return
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        yield pattern
        yield from _after(rest, step)
    elif first in ("*", step):
        yield rest


def pointer_of(steps: Iterable[str]) -> str:
    """The JSON Pointer of a place."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
