"""
Under which name the public things of meshlib are shown, and when they are loaded.

`import meshlib` loads nothing but what is used: a name is loaded when it is first asked
for, with the modules that it needs and no others (PEP 562).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")


def public(thing: T) -> T:
    """
    Mark *thing*, a class or function, as one that is imported from `meshlib` itself.

    Reprs, tracebacks and pickles name where it is imported from, not where it is defined,
    whether or not anybody has asked `meshlib` for it. Not for a dataclass, or another
    class with annotations: they are looked up in the module that it says it is from.
    """
    thing.__module__ = "meshlib"
    return thing


def lazily(
    package: str, places: Mapping[str, str], submodules: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """
    `__getattr__` and `__dir__` of *package*, which loads its names when they are asked for.

    *places* has the names of each module of the package, separated by blanks; *submodules*
    are found as a whole, as if they had been imported with the package.
    Thread-safe, as imports are: two threads that ask at once get the same thing.
    """
    found = {name: place for place, names in places.items() for name in names.split()}
    whole = frozenset(submodules.split())

    def load(name: str) -> Any:
        if name in whole:
            return import_module(f".{name}", package)  # which also binds it
        place = found.get(name)
        if place is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        thing = getattr(import_module(place, package), name)
        setattr(sys.modules[package], name, thing)  # found without this from now on
        return thing

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *found, *whole})

    return load, names
