"""
Putting variables into the texts of a compose file.

The forms are those of https://docs.docker.com/reference/compose-file/interpolation/; a `$`
that begins none of them stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Lookup = Callable[[str], str | None]
"""The value of a variable, or None when it is not set."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_DEPTH = 20


class VariableError(ValueError):
    """A variable cannot be put in: it is needed and not set, or its form is wrong."""


def substitute(template: str, lookup: Lookup, depth: int = 0) -> str:
    """
    *template* with its variables replaced; one that is not set is an empty text.

    Raises VariableError for `${NAME:?message}` without a value, and for a brace that does
    not belong.
    """
    if "$" not in template:
        return template
    if depth > _DEPTH:
        raise VariableError("variables are nested too deeply")
    parts, position = [], 0
    while (dollar := template.find("$", position)) >= 0:
        parts.append(template[position:dollar])
        position = dollar + 1
        name = _NAME.match(template, position)
        if template.startswith("$", position):
            parts.append("$")
            position += 1
        elif name is not None:
            parts.append(lookup(name[0]) or "")
            position = name.end()
        elif template.startswith("{", position):
            end = _closing(template, position)
            parts.append(_braced(template[position + 1 : end], lookup, depth))
            position = end + 1
        else:
            parts.append("$")
    return "".join([*parts, template[position:]])


def _closing(template: str, position: int) -> int:
    """Where the brace at *position* closes; those of variables within are skipped."""
    depth = 0
    for index in range(position, len(template)):
        if template[index] == "{":
            depth += 1
        elif template[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    raise VariableError(f"{template!r} has a brace that is not closed")


def _braced(inner: str, lookup: Lookup, depth: int) -> str:
    name = _NAME.match(inner)
    operator = None if name is None else _OPERATOR.match(inner, name.end())
    if name is None or (operator is None and name.end() != len(inner)):
        raise VariableError(f"'${{{inner}}}' is not a variable")
    value = lookup(name[0])
    if operator is None:
        return value or ""
    word = inner[operator.end() :]
    # With a colon an empty value counts as none.
    is_set = bool(value) if operator[0].startswith(":") else value is not None
    if operator[0].endswith("+"):
        return substitute(word, lookup, depth + 1) if is_set else ""
    if is_set:
        return value or ""
    if operator[0].endswith("-"):
        return substitute(word, lookup, depth + 1)
    said = substitute(word, lookup, depth + 1)
    raise VariableError(f"the variable {name[0]} is needed{': ' if said else ''}{said}")
