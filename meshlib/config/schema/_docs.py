"""
What the docstrings of options say of their fields.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache


def field_docs(options: type) -> dict[str, str]:
    """The docstring below each field of *options*, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(options.__mro__):
        if base.__module__.startswith("meshlib"):
            found |= _own_docs(base)
    return found


@cache
def _own_docs(options: type) -> dict[str, str]:
    tree = ast.parse(inspect.getsource(sys.modules[options.__module__]))
    scope = next(
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == options.__name__
    )
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in zip(scope.body, scope.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
