"""
Regular expressions that Envoy's engine, RE2, reads as Python does.
"""

from __future__ import annotations

import re

_ONLY_IN_PYTHON = re.compile(
    r"\(\?(?:=|!|<=|<!|>|\(|P=|#|[aLu]*[aLu])"  # lookaround, atoms, conditions, references
    r"|\\[1-9]"  # references to groups
    r"|[*+?}]\+"  # possessive repeats
    r"|\\Z"
)
_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(=\*\*)?\}")


def fits_re2(regex: str) -> bool:
    r"""
    Whether RE2 reads *regex*, too.

    RE2 has neither lookaround nor references, as they need backtracking. An escaped
    backslash before what looks like a reference is taken for one, to be on the safe side.
    """
    return _ONLY_IN_PYTHON.search(regex) is None


def literal(text: str) -> str:
    """An expression that fits *text* alone, in both."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def template_regex(template: str) -> tuple[str, list[str]]:
    """The expression of a template of paths, and the names of its groups in order."""
    pieces: list[str] = []
    names: list[str] = []
    last = 0
    for found in _VARIABLE.finditer(template):
        pieces.append(literal(template[last : found.start()]))
        pieces.append("(.*)" if found[2] else "([^/]+)")
        names.append(found[1])
        last = found.end()
    return "".join([*pieces, literal(template[last:])]), names


def filled(template: str, names: list[str]) -> str:
    r"""What *template* puts in place of a match, with `\1` for the first of *names*."""
    text = template.replace("\\", "\\\\")
    return _VARIABLE.sub(lambda found: f"\\{names.index(found[1]) + 1}", text)
