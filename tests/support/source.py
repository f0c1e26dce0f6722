"""The source of this project as syntax trees, for the tests of its structure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "meshlib"


@dataclass(frozen=True)
class Import:
    """One imported thing: *module* is absolute, *name* what is taken from it, if anything."""

    module: str
    name: str
    line: int


@dataclass(frozen=True)
class Module:
    """One file of the package; *name* is dotted, without the leading `meshlib.`."""

    path: Path

    @property
    def place(self) -> str:
        """The path from the project's root."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def name(self) -> str:
        """`transport._call`; for a package `transport`; for meshlib itself an empty string."""
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return ".".join(part for part in parts if part != "__init__")

    @property
    def unit(self) -> str:
        """What the import rows speak of: a package, or a module beside them."""
        return self.name.partition(".")[0]

    @cached_property
    def text(self) -> str:
        """The source."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, self.place)

    def imports(self) -> Iterator[Import]:
        """Every import in it, at any depth; relative ones made absolute."""
        package = self.path.relative_to(ROOT).parent.parts
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, "", node.lineno)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                module = ".".join((*base, *(node.module or "").split("."))).strip(".")
                for alias in node.names:
                    yield Import(module, alias.name, node.lineno)


def modules() -> list[Module]:
    """Every module of the package, in the order of their paths."""
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of names; an empty string for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


def none(lines: list[str]) -> None:
    """Fail with all of *lines*, each of which says where something is wrong."""
    assert not lines, "\n".join(["", *lines])
