"""
What a configuration says, as a tree of plain values that can be read part by part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._models import Endpoint
from .._options import Options


def said(options: Options, inherited: Options | None = None) -> dict[str, Any]:
    """
    What *options* say, by the keys of a document, and what they have from *inherited*.

    Of both the keys count that were set; values are those of *options*, into which the
    inherited ones have been merged. What is a set is a sorted list.
    """
    model = type(options)
    keys = set(options.model_fields_set)
    if inherited is not None:
        keys |= inherited.model_fields_set
    found = {}
    for name, field in model.model_fields.items():
        if name in keys:
            theirs = inherited is not None and name in inherited.model_fields_set
            other = getattr(inherited, name) if theirs else None
            found[field.alias or name] = _plain(getattr(options, name), other)
    return found


def _plain(value: Any, inherited: Any = None) -> Any:
    if isinstance(value, Options):
        return said(value, inherited if type(inherited) is type(value) else None)
    if isinstance(value, Endpoint):
        return value.url
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value))
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | None) else repr(value)
