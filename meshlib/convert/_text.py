"""
YAML as people write it: sections below each other, lists of plain values in one line.
"""

from __future__ import annotations

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Writes plain lists in one line, and nothing as a reference to something above it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _list(dumper: _Dumper, value: list[Any]) -> yaml.Node:
    plain = bool(value) and not any(isinstance(item, dict | list) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=plain or None)


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(list, _list)
_Dumper.add_representer(str, _text)


def to_yaml(*documents: Any) -> str:
    """The text of *documents*, with a line of dashes between each two."""
    texts = (
        yaml.dump(each, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
        for each in documents
    )
    return "---\n".join(texts)


def duration_text(seconds: float) -> str:
    """*seconds* as a document says them: `5s`, `250ms`."""
    if seconds == int(seconds):
        return f"{int(seconds)}s"
    thousands = round(seconds * 1000, 6)
    return f"{thousands:g}ms" if seconds < 1 else f"{seconds:.9g}s"
