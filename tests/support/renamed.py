"""
Tests of httpx clients as tests of httpx2 clients: the same text, with the other names.

What a file says of `httpx`, `httpcore` and the clients of `meshlib` is said of `httpx2`,
`httpcore2` and those of `meshlib.httpx2`. The two libraries have the same names, so what
holds for one client must hold for the other.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Container
from pathlib import Path
from types import ModuleType
from typing import Any

_TESTS = Path(__file__).parents[1]
_BOTH = re.compile(r"\b(httpx|httpcore)\b")
_OURS = re.compile(r"^( *)from meshlib import (\([^)]*\)|.*)$", re.MULTILINE)
_SUPPORT = re.compile(r"(?<=support\.)(ways|wires|meshes)\b|(?<=from \.)(ways|wires|meshes)\b")
_CLIENT = re.compile(r"(Async)?(Mesh(Client|Transport)|ServiceClient)$")


def renamed(source: str) -> str:
    """*source* with the names of httpx2."""
    text = _OURS.sub(_divided, _BOTH.sub(r"\g<1>2", source))
    return _SUPPORT.sub(lambda found: f"{found[0]}_httpx2", text)


def _divided(found: re.Match[str]) -> str:
    """Clients and transports come from `meshlib.httpx2`, the rest from where it was."""
    names = re.findall(r"\w+", found[2])
    places: dict[str, list[str]] = {"meshlib.httpx2": [], "meshlib": []}
    for name in names:
        places["meshlib.httpx2" if _CLIENT.match(name) else "meshlib"].append(name)
    lines = [f"from {place} import {', '.join(taken)}" for place, taken in places.items() if taken]
    return found[1] + "; ".join(lines)


def load(path: str, name: str) -> ModuleType:
    """The file at *path* below the tests, under the names of httpx2, as the module *name*."""
    if name not in sys.modules:
        file = _TESTS / path
        module = ModuleType(name)
        module.__file__ = str(file)
        module.__package__ = name.rpartition(".")[0]
        sys.modules[name] = module
        code = compile(renamed(file.read_text(encoding="utf-8")), file, "exec")
        exec(code, module.__dict__)
    return sys.modules[name]


def again(path: str, *, but: Container[str] = ()) -> dict[str, Any]:
    """The tests and fixtures of the file at *path*, of httpx2 by a few ways, *but* for some."""
    ways: Any = load("support/ways.py", "support.ways_httpx2")
    few = {("mesh", None), ("mesh", "asyncio")}
    ways.WAYS[:] = [way for way in ways.WAYS if (way.client, way.loop) in few]
    module = load(path, f"support.again_{Path(path).stem}")
    return {
        name: thing
        for name, thing in vars(module).items()
        if not name.startswith("__") and name not in but
    }
