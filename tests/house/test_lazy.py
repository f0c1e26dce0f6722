"""What `import meshlib` loads, and when the rest is."""

from __future__ import annotations

import ast
import importlib
import pickle
import subprocess
import sys
import threading
import typing
from collections.abc import Iterator

import pytest

import meshlib
from meshlib._public import lazily
from support.source import Module, dotted, modules, none

HEAVY = {
    "anyio",
    "asyncio",
    "cachetools",
    "cryptography",
    "h11",
    "h2",
    "httpcore",
    "opentelemetry",
    "prometheus_client",
    "pydantic",
    "tenacity",
    "trio",
    "watchfiles",
    "xxhash",
    "yaml",
}
"""Libraries that come with the first client, or when they are needed."""

OWN = {
    "_client",
    "_client_async",
    "_client_options",
    "_context",
    "_clock",
    "_direct",
    "_direct_async",
    "_exceptions",
    "_libraries",
    "_marks",
    "_models",
    "_options_of_calls",
    "_public",
    "_shortcuts",
    "_surroundings",
    "transport",
    "transport._headers",
}
"""All modules that the classes of clients, errors and options of calls are made of."""

LATER = {"encodings.idna", "stringprep"}
"""What the socket of the standard library loads when it looks a name up."""


def loaded(code: str) -> dict[str, set[str]]:
    """What a new interpreter loads in the *steps* of *code*, httpx aside."""
    program = (
        "import sys, threading, httpx\n"
        "before = set(sys.modules)\n"
        "def new():\n"
        "    global before\n"
        "    found, before = set(sys.modules) - before, set(sys.modules)\n"
        "    return found\n"
        "steps = {}\n"
        f"{code}\n"
        "assert 1 == threading.active_count()\n"
        "print(repr(steps))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )
    assert not done.returncode, done.stderr
    found: dict[str, set[str]] = ast.literal_eval(done.stdout.replace("set()", "{*()}"))
    return found


def test_importing_meshlib_loads_nothing_else() -> None:
    """But the clocks: neither our own modules nor those of others, and no thread begins."""
    steps = loaded("import meshlib\nsteps['meshlib'] = {*new()}")
    assert {"meshlib", "meshlib._clock", "meshlib._public"} == {
        m for m in steps["meshlib"] if "meshlib" in m
    }
    assert not HEAVY & {name.partition(".")[0] for name in steps["meshlib"]}


def test_the_class_of_a_client_loads_little_beside_httpx() -> None:
    """Libraries and policies come with the first client, and nothing with its first request."""
    steps = loaded(
        "from meshlib import AsyncMeshClient, CallOptions, Endpoint, MeshClient, MeshError\n"
        "from meshlib import deadline\n"
        "steps['class'] = new()\n"
        "client = MeshClient(services={'users': 'http://127.0.0.1:1'}, trust_env=False)\n"
        "new()\n"
        "try:\n"
        "    client.get('http://users/')\n"
        "except httpx.ConnectError:\n"
        "    steps['call'] = {'made', *new()}\n"
    )
    ours = {name.partition(".")[2] for name in steps["class"] if name.startswith("meshlib.")}
    assert set() == ours - OWN
    assert not HEAVY & {name.partition(".")[0] for name in steps["class"]}
    assert {"made"} == steps["call"] - LATER


def lazy_packages() -> Iterator[Module]:
    """The packages that load their names when they are asked for."""
    for module in modules():
        if module.path.name == "__init__.py" and "lazily(" in module.text:
            yield module


def declared(module: Module) -> dict[str, set[str]]:
    """The names that a type checker sees, by the module they are in."""
    found: dict[str, set[str]] = {}
    for node in module.tree.body:
        if isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING":
            for each in node.body:
                assert isinstance(each, ast.ImportFrom)
                place = "." * each.level + (each.module or "")
                found.setdefault(place, set()).update(alias.name for alias in each.names)
    return found


def places(module: Module) -> dict[str, set[str]]:
    """The names that are loaded, by the module they are in."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and dotted(node.func) == "lazily":
            return {
                place: set(names.split()) for place, names in ast.literal_eval(node.args[1]).items()
            }
    return {}


@pytest.mark.parametrize("module", [*lazy_packages()], ids=lambda module: module.name or "meshlib")
def test_a_lazy_package_has_what_it_declares(module: Module) -> None:
    """Type checkers and interpreters find the same names in the same places, and all exist."""
    assert declared(module) == places(module)
    package = importlib.import_module(f"meshlib.{module.name}".removesuffix("."))
    listed = {*package.__all__, *({"__version__"} if package is meshlib else ())}
    assert listed == {name for names in places(module).values() for name in names}
    none([name for name in listed if not hasattr(package, name) or name not in dir(package)])


def test_a_package_of_meshlib_needs_no_import_of_its_own() -> None:
    """`meshlib.config` is there after `import meshlib`, though it is loaded when it is used."""
    code = (
        "import meshlib; meshlib.events.Event; meshlib.discovery; print('config' in dir(meshlib))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    assert "True\n" == done.stdout


def test_what_is_not_there_is_an_attribute_error() -> None:
    """As in any module, so that hasattr and misspelt imports work."""
    with pytest.raises(AttributeError, match="module 'meshlib' has no attribute 'MeshKlient'"):
        meshlib.MeshKlient  # type: ignore[attr-defined]  # noqa: B018 -- that is the test
    assert not hasattr(meshlib, "nothing")


def test_a_star_import_brings_everything() -> None:
    """`__all__` counts, whatever was asked for before."""
    names: dict[str, object] = {}
    exec("from meshlib import *", names)
    assert set(meshlib.__all__) <= set(names)


def test_public_things_say_where_they_are_imported_from() -> None:
    """In tracebacks, reprs and pickles, also when nobody has asked `meshlib` for them."""
    from meshlib._exceptions import NoEndpointError
    from meshlib.runtime._mesh import Mesh

    assert {"meshlib"} == {NoEndpointError.__module__, Mesh.__module__}
    assert NoEndpointError is pickle.loads(pickle.dumps(meshlib.NoEndpointError))
    options = meshlib.CallOptions(timeout=1.0)
    assert options == pickle.loads(pickle.dumps(options))


def test_annotations_of_public_values_can_be_read() -> None:
    """What inspects them, such as pydantic, looks names up where the class is defined."""
    assert str is typing.get_type_hints(meshlib.Endpoint)["url"]
    assert typing.get_type_hints(meshlib.CallOptions)


def test_threads_that_ask_at_once_get_the_same_thing() -> None:
    """An import has a lock for each module, and what is found is kept."""
    load, names = lazily("meshlib.events", {"._event": "Event"}, "nothing")
    barrier, found = threading.Barrier(4), []

    def ask() -> None:
        barrier.wait()
        found.append(load("Event"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [meshlib.Event] * 4 == found
    assert {"Event", "nothing"} <= set(names())
