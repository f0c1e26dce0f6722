"""
Paths as they are on the wire, and templates of them such as `/users/{id}`.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REST = "=**"
# What httpx leaves as it is in a path: printable ASCII but for these.
_SAFE = "".join(char for char in map(chr, range(0x21, 0x7F)) if char not in '"#<>?`{}')


class Template(NamedTuple):
    """
    A template taken apart: *parts* of literal text with a variable between each two.

    *rest* says whether the last variable takes all that follows, slashes included.
    """

    parts: tuple[str, ...]
    names: tuple[str, ...]
    rest: bool


def encode_path(text: str) -> str:
    """Percent-encode what no path has on the wire; what is encoded already stays."""
    return quote(text, safe=_SAFE)


def parse_template(text: str) -> Template:
    """
    Take *text* apart at its variables.

    `{name}` stands for some text without a slash, `{name=**}` at the end for all the rest,
    which may be empty. Raises ValueError for anything else in braces, two variables
    without text between them, or a name that is given twice.
    """
    pieces = _VARIABLE.split(text)
    parts, names = tuple(map(encode_path, pieces[0::2])), pieces[1::2]
    if any("{" in part or "}" in part for part in pieces[0::2]):
        raise ValueError(f"{text!r} has a brace without its other half")
    rest = bool(names) and names[-1].endswith(_REST) and not parts[-1]
    if rest:
        names[-1] = names[-1].removesuffix(_REST)
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{{{name}}} is no variable; write {{name}}, or {{name=**}} at the end"
            )
        if names.count(name) > 1:
            raise ValueError(f"{{{name}}} stands there twice")
    if "" in parts[1:-1]:
        raise ValueError(f"{text!r} has two variables without text between them")
    return Template(parts, tuple(names), rest)


def compile_template(template: Template, *, ignore_case: bool = False) -> re.Pattern[str]:
    """A pattern that matches whole paths, with a group for each variable."""
    regex = re.escape(template.parts[0])
    for name, part in zip(template.names, template.parts[1:], strict=True):
        regex += f"(?P<{name}>[^/]+){re.escape(part)}"
    if template.rest:
        regex = regex.removesuffix("[^/]+)") + ".*)"
    return re.compile(regex, re.IGNORECASE | re.DOTALL if ignore_case else re.DOTALL)
