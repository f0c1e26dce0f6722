"""
Takes the colour out of asynchronous source, so that it can be compared with its blocking twin.

What is left is the syntax tree of what both must do: `async` and `await` are gone, names
lose their `Async` and `a`, and what only a cancellable world needs dissolves into its body.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

RENAMED = {
    "AnyIOBackend": "SyncBackend",
    "AsyncByteStream": "SyncByteStream",
    "BoundAsyncStream": "BoundSyncStream",
    "StopAsyncIteration": "StopIteration",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
    "aiter": "iter",
    "aiter_bytes": "iter_bytes",
    "aiter_raw": "iter_raw",
    "anext": "next",
    "aread": "read",
    "asynccontextmanager": "contextmanager",
    "handle_async_request": "handle_request",
}
"""Names whose twins do not follow from leaving `Async` out."""

_COLOUR = re.compile(r"(?<![a-z])Async(?=[A-Z])|(?<=Abstract)Async(?=[A-Z])")


def uncoloured(source: str, exempt: Iterable[str] = ()) -> str:
    """The text of *source* without colour, docstrings, imports and the *exempt* definitions."""
    tree = _Uncolour(set(exempt)).visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree))


def _name(name: str) -> str:
    return RENAMED.get(name) or _COLOUR.sub("", name)


def _is_shield(node: ast.expr) -> bool:
    """A scope that only keeps cancellation away or cuts a shielded close short."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("anyio.CancelScope", "anyio.move_on_after")
        and any(keyword.arg == "shield" for keyword in node.keywords)
    )


class _Uncolour(ast.NodeTransformer):
    def __init__(self, exempt: set[str]) -> None:
        self._exempt = exempt
        self._scope: list[str] = []

    def visit_Import(self, node: ast.Import) -> None:
        """Whatever an import brings in is compared where it is used."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Twins are called differently and come from modules called differently."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Docstrings speak of threads here and of tasks there."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def _definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> ast.AST | None:
        node.name = _name(node.name)
        self._scope.append(node.name)
        try:
            if ".".join(self._scope) in self._exempt:
                return None
            self.generic_visit(node)
        finally:
            self._scope.pop()
        node.body = node.body or [ast.Pass()]
        if isinstance(node, ast.AsyncFunctionDef):
            fields = {name: getattr(node, name) for name in node._fields}
            return ast.FunctionDef(**fields)
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _definition

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """A constant of the module may be exempt like a definition."""
        if not self._scope and ast.unparse(node.targets[0]) in self._exempt:
            return None
        return self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """`async for` is `for`."""
        self.generic_visit(node)
        return ast.For(**{name: getattr(node, name) for name in node._fields})

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """`async with` is `with`."""
        self.generic_visit(node)
        return ast.With(**{name: getattr(node, name) for name in node._fields})

    def visit_With(self, node: ast.With) -> ast.AST | list[ast.stmt]:
        """A thread cannot be cancelled, so it needs no shield: its body stands alone."""
        self.generic_visit(node)
        return node.body if _is_shield(node.items[0].context_expr) else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """What a caller's function returns may be awaitable in one world only."""
        if ast.unparse(node.test).startswith("inspect.isawaitable("):
            return None
        return self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """`await x` is `x`."""
        value: ast.AST = self.visit(node.value)
        return value

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """`async for` is `for` in here, too."""
        node.is_async = 0
        return self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        """Errors of AnyIO do not occur in blocking code."""
        if isinstance(node.type, ast.Tuple):
            node.type.elts = [
                item for item in node.type.elts if not ast.unparse(item).startswith("anyio.")
            ]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """`AsyncX` is `X`."""
        node.id = _name(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """`x.aclose` is `x.close`, and the sleep of AnyIO is that of a thread."""
        self.generic_visit(node)
        node.attr = _name(node.attr)
        if isinstance(node.value, ast.Name) and (node.value.id, node.attr) == ("anyio", "sleep"):
            node.value.id = "time"
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Names in texts, such as those of `getattr` and `__slots__`, are names."""
        if isinstance(node.value, str):
            node.value = _name(node.value)
        return node
