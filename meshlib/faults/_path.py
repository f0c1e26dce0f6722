"""Places in a JSON body."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]
"""Names and indexes from the root; "*" is every one."""

_STEP = re.compile(r"\.?(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\*)\]")


def parse_path(text: str) -> Path:
    """("items", 0, "price") for `items[0].price`; ValueError for what is no path."""
    path: list[str | int] = []
    rest = text.removeprefix("$")
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None or (not path and rest == text and rest[at] == "."):
            raise ValueError(f"{text!r} is no path; write it as items[0].price")
        index = step["index"]
        path.append(int(index) if index and index != "*" else step["name"] or "*")
        at = step.end()
    if not path:
        raise ValueError("a path names at least one field")
    return tuple(path)
