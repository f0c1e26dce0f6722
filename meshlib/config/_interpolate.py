"""
`${VARIABLE}` in the texts of a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._problems import Place, Problem

_REFERENCE = re.compile(r"\$(?:(\$)(?=\{)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:-)([^}]*))?\}|(\{))")


def interpolate(
    tree: Any, environ: Mapping[str, str], problems: list[Problem], place: Place = ()
) -> Any:
    """
    *tree* with the values of variables in place of the references to them.

    `${NAME}` must be set, `${NAME:-text}` is `text` when NAME is not set or empty, and
    `$${` stands for `${`. What cannot be replaced is added to *problems*. Values stay
    text, which is read as a number where one is needed; a duration needs its unit.
    """
    if isinstance(tree, str):
        return _text(tree, environ, problems, place) if "${" in tree else tree
    if isinstance(tree, dict):
        return {k: interpolate(v, environ, problems, (*place, str(k))) for k, v in tree.items()}
    if isinstance(tree, list):
        return [interpolate(v, environ, problems, (*place, n)) for n, v in enumerate(tree)]
    return tree


def _text(text: str, environ: Mapping[str, str], problems: list[Problem], place: Place) -> str:
    def value(match: re.Match[str]) -> str:
        escaped, name, has_default, default, broken = match.groups()
        if escaped:
            return "$"
        if broken:
            problems.append(
                Problem(
                    place,
                    f"{text!r} has a ${{ that begins no reference",
                    "write ${NAME} or ${NAME:-default}, and $${ for the characters themselves",
                )
            )
            return ""
        found = environ.get(name)
        if has_default:
            return found or str(default)
        if found is None:
            problems.append(
                Problem(
                    place,
                    f"the environment variable {name} is not set",
                    f"set it, or write ${{{name}:-default}}",
                )
            )
            return ""
        return found

    return _REFERENCE.sub(value, text)
