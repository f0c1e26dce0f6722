"""Blocking code is asynchronous code with the colour taken out."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path

import pytest

from support.colour import uncoloured
from support.source import PACKAGE

EXEMPT: dict[str, dict[str, str]] = {
    "_hedge": {
        "Hedging.run": "a race of threads is started and ended otherwise than one of tasks",
        "Hedging._contest": "waits on a queue there and on a memory stream here",
        "Hedging._drop_late": "empties that queue, or that stream",
        "Hedging._next": "threads wait in the queue itself",
        "Hedging._race": "what a task of the race does; threads have `_Race`",
        "_Outcomes": "is that stream, with an end to waiting by any clock",
        "_Race": "closes in its own thread what arrives late; a task is cancelled instead",
    },
    "_injecting": {
        "_BUILDS": "the sockets of threads and those of loops word failures differently"
    },
    "_link": {
        "Link.eased": "threads have no locks of an event loop to save",
        "Link.network": "asyncio has a stream of our own; threads and trio have httpcore's",
        "Link.drop": "outside its event loop a task's socket cannot be closed",
        "Link.shut_down": "cuts a read off in another thread; a task is cancelled",
    },
    "_wire": {"_CLOSE_TIMEOUT": "bounds a shield against cancellation"},
    "": {"_DISCARD_TIMEOUT": "bounds a shield against cancellation"},
}
"""What may differ, by pair and qualified name, with the reason."""


def pairs() -> list[tuple[str, Path, Path]]:
    """Every pair: `_x_sync` and `_x_async`, or `_x` and `_x_async`."""
    found = []
    for coloured in sorted(PACKAGE.rglob("_*async.py")):
        stem = coloured.stem.removesuffix("async").rstrip("_")
        candidates = [coloured.with_name(f"{stem}_sync.py"), coloured.with_name(f"{stem}.py")]
        plain = next((path for path in candidates if path.is_file()), candidates[0])
        found.append((stem, plain, coloured))
    return found


@pytest.mark.parametrize(
    ("stem", "plain", "coloured"), pairs(), ids=lambda item: getattr(item, "name", item)
)
def test_twins_do_the_same(stem: str, plain: Path, coloured: Path) -> None:
    """
    Both halves of a pair have the same classes, functions and statements, in the same order.
    """
    exempt = EXEMPT.get(stem, {})
    halves = [uncoloured(half.read_text(encoding="utf-8"), exempt) for half in (plain, coloured)]
    difference = "\n".join(
        difflib.unified_diff(
            halves[0].splitlines(), halves[1].splitlines(), plain.name, coloured.name, lineterm=""
        )
    )
    assert not difference, f"\n{difference}"


def test_there_are_twins() -> None:
    """The drivers and the clients are pairs; nothing is compared when they are not found."""
    assert {"", "_client", "_wire"} <= {stem for stem, _, _ in pairs()}


def test_every_exemption_is_needed() -> None:
    """An exemption whose definition is gone is taken back."""
    assert [] == [
        f"{stem}: {name}"
        for stem, plain, coloured in pairs()
        for name in EXEMPT.get(stem, {})
        if all(name not in names(half) for half in (plain, coloured))
    ]
    assert set(EXEMPT) <= {stem for stem, _, _ in pairs()}


def names(path: Path) -> set[str]:
    """The qualified names that a file defines, without colour."""
    tree = ast.parse(uncoloured(path.read_text(encoding="utf-8")))
    found = {ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
            found |= {
                f"{node.name}.{item.name}"
                for item in node.body
                if isinstance(item, ast.FunctionDef)
            }
    return found


@pytest.mark.parametrize(
    ("coloured", "plain"),
    [
        ("async def f(): await g()", "def f(): g()"),
        ("class AsyncX(httpx.AsyncByteStream): pass", "class X(httpx.SyncByteStream): pass"),
        ("async def aclose(self): await x.aclose()", "def close(self): x.close()"),
        ("async def f():\n async for a in b: pass", "def f():\n for a in b: pass"),
        ("async def f():\n async with a: pass", "def f():\n with a: pass"),
        ("async def f(): return [x async for x in y]", "def f(): return [x for x in y]"),
        ("async def f(): await anyio.sleep(1)", "def f(): time.sleep(1)"),
        ("def f():\n with anyio.CancelScope(shield=True): g()", "def f(): g()"),
        ("try: f()\nexcept (OSError, anyio.EndOfStream): g()", "try: f()\nexcept (OSError,): g()"),
        ("getattr(x, 'aclose')", "getattr(x, 'close')"),
        ("import anyio\n'''A task.'''\nx = 1", "import time\n'''A thread.'''\nx = 1"),
    ],
)
def test_colour_is_taken_out(coloured: str, plain: str) -> None:
    """Each difference that only colour makes disappears."""
    assert uncoloured(coloured) == uncoloured(plain)


@pytest.mark.parametrize(
    ("coloured", "plain"),
    [
        ("async def f(): await g(1)", "def f(): g(2)"),
        ("async def f(): await g()", "def f(): pass"),
        ("async def f(): await g(); await h()", "def f(): h(); g()"),
        ("try: f()\nexcept anyio.EndOfStream: g()", "try: f()\nexcept OSError: g()"),
    ],
)
def test_a_difference_stays(coloured: str, plain: str) -> None:
    """What one half does and the other does not is found."""
    assert uncoloured(coloured) != uncoloured(plain)
