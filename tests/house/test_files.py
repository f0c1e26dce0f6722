"""What may not stand in any file, and what must stand in every one."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.source import PACKAGE, ROOT, dotted, modules, none

FOLDERS = ("meshlib", "tests", "examples", "benchmarks", "docs", ".ci")
SUFFIXES = {".md", ".py", ".toml", ".yaml", ".yml", ".json", ".ini", ""}
MARKS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(?:home|root|Users|work)/\w|\b[A-Z]:\\Users")
EXCUSE = re.compile(r"#\s*(?:type: ignore|noqa|pragma: no)\b.*")
REASON = re.compile(
    r"#\s*(?:type: ignore\[[\w, -]+\]|noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*|pragma: no (?:cover|branch))"
    r"\s+(?:--|#) \S"
)


def texts() -> Iterator[tuple[str, str]]:
    """Every text file that is part of the project, by its path from the root."""
    for path in [*ROOT.iterdir(), *(p for f in FOLDERS for p in (ROOT / f).rglob("*"))]:
        if path.is_file() and path.suffix in SUFFIXES and not path.name.startswith(".coverage"):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """The lines that match, as `file:line: text`."""
    return [
        f"{place}:{number}: {line.strip()}"
        for place, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_nothing_is_left_to_do() -> None:
    """No mark stands for work that was put off."""
    none(lines_with(MARKS))


def test_no_path_of_a_machine() -> None:
    """No file knows the machine it was written on."""
    none(lines_with(MACHINE_PATHS))


def test_every_excuse_has_a_reason() -> None:
    """A comment that silences a checker names what it silences, and says why."""
    none(
        [
            line
            for line in lines_with(EXCUSE)
            if line.partition(":")[0].endswith(".py")
            and not line.startswith("tests/house/")
            and not REASON.search(line)
        ]
    )


def undocumented(tree: ast.Module, place: str) -> Iterator[str]:
    """Public modules, classes, functions and methods without a docstring."""
    if not place.endswith("__main__.py") and tree.body and ast.get_docstring(tree) is None:
        yield f"{place}:1"
    yield from _undocumented(tree, place)


def _undocumented(scope: ast.Module | ast.ClassDef, place: str) -> Iterator[str]:
    for node in scope.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        decorators = {dotted(item).rpartition(".")[2] for item in node.decorator_list}
        if node.name.startswith("_") or decorators & {"overload", "setter", "override"}:
            continue
        if ast.get_docstring(node) is None:
            yield f"{place}:{node.lineno}: {node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node, place)


def test_everything_public_is_documented() -> None:
    """Private modules too: what another module uses says what it promises."""
    none([line for module in modules() for line in undocumented(module.tree, module.place)])


def test_every_test_says_what_it_proves() -> None:
    """A failing test is understood from its docstring."""
    none([line for place, tree in trees_of_tests() for line in undocumented(tree, place)])


def trees_of_tests() -> list[tuple[str, ast.Module]]:
    """The syntax trees of the tests."""
    paths = sorted((ROOT / "tests").rglob("*.py"))
    return [
        (p.relative_to(ROOT).as_posix(), ast.parse(p.read_text(encoding="utf-8"))) for p in paths
    ]


def sleeping(tree: ast.Module, place: str) -> Iterator[str]:
    """Calls that let real time pass; 0 is a checkpoint, and 900 or more is for ever."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if any(argument.arg == "real_sleep" for argument in function.args.args):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"(time|asyncio|anyio|trio)\.sleep", dotted(node.func)
            ):
                seconds = node.args[0].value if isinstance(node.args[0], ast.Constant) else 1
                if isinstance(seconds, int | float) and 0 < seconds < 900:
                    yield f"{place}:{node.lineno}: {ast.unparse(node)}"


def test_no_test_sleeps() -> None:
    """Tests advance a clock or wait for an event; only the servers they call may take time."""
    servers = ("tests/support/", "tests/test_support.py")
    none(
        [
            line
            for place, tree in trees_of_tests()
            if not place.startswith(servers)
            for line in sleeping(tree, place)
        ]
    )


def test_every_package_has_a_page_of_reference() -> None:
    """A public package is found in the reference, and the navigation leads there."""
    reference = ROOT / "docs" / "reference"
    pages = {page.name: page.read_text(encoding="utf-8") for page in reference.glob("*.md")}
    packages = [
        path.parent.name
        for path in PACKAGE.glob("[a-z]*/__init__.py")
        if "__all__: list[str] = []" not in path.read_text(encoding="utf-8")  # nothing to show
    ]
    none(
        [
            name
            for name in packages
            if f"::: meshlib.{name}\n" not in "\n".join(pages.values()) + "\n"
        ]
    )
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    none([page for page in pages if f"reference/{page}" not in navigation])


def test_examples_and_pages_are_found() -> None:
    """The walk over the files reaches each kind of them."""
    found = {Path(place).suffix for place, _ in texts()}
    assert {".py", ".md", ".toml", ".yml"} <= found


@pytest.mark.parametrize("name", sorted(module.name for module in modules()))
def test_every_module_imports(name: str) -> None:
    """By itself, whatever was imported before: no module waits for another to be complete."""
    importlib.import_module(f"meshlib.{name}".removesuffix("."))
