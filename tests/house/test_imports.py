"""Who may import whom; `docs/explanation/architecture.md` says why."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

import pytest

from support.source import PACKAGE, Import, Module, dotted, modules, none

FAMILIES = {
    "balancing",
    "breaker",
    "bulkhead",
    "discovery",
    "faults",
    "health",
    "retry",
    "routing",
    "security",
    "throttle",
}
ROWS: list[set[str]] = [
    {
        "_bell",
        "_clock",
        "_context",
        "_exceptions",
        "_fork",
        "_grpc_timeout",
        "_invalid_options",
        "_libraries",
        "_marks",
        "_models",
        "_options",
        "_problems",
        "_public",
        "_redact",
        "_surroundings",
        "_version",
    },
    {"events"},
    FAMILIES,
    {"telemetry"},
    {"inbound", "transport"},
    {"config"},
    {"convert"},
    {"runtime"},
    {
        "_client",
        "_client_async",
        "_client_options",
        "_direct",
        "_direct_async",
        "_options_of_calls",
        "_shortcuts",
        "_transports",
        "_wiring",
    },
    {"httpx2"},
    {""},
    {"chaos", "inner", "integrations", "testing"},
    {"__main__", "_commands", "_demo"},
]
"""From the bottom up: a module imports from lower rows, and plain modules from their own."""

ROW_OF = {unit: number for number, row in enumerate(ROWS) for unit in row}
BOTTOM = ROWS[0]

ONLY_IN = {
    "cryptography": lambda module: module.name.startswith("security."),
    "httpcore2": lambda module: module.unit == "httpx2",
    "httpx2": lambda module: module.unit == "httpx2",
    "pydantic": lambda module: module.name.endswith("_options") or module.unit == "config",
    "tenacity": lambda module: module.name == "retry._backoff",
    "opentelemetry": lambda module: module.unit == "telemetry",
    "prometheus_client": lambda module: module.name.startswith("telemetry.prometheus"),
}
"""Libraries that belong where one thing is done."""

WAITING = {
    "anyio.from_thread.start_blocking_portal",
    "anyio.sleep",
    "asyncio.sleep",
    "concurrent.futures.ThreadPoolExecutor",
    "threading.Thread",
    "threading.Timer",
    "time.sleep",
    "trio.sleep",
}
MAY_WAIT = {
    "runtime._background": "owns the thread of the background loop",
    "runtime.canarying._rollout": "looks at what others wrote from time to time, in the background",
    "integrations._meshed": "looks whether the process has started, and its requests have ended",
    "integrations.flask": "waits for the startup checks in a thread: WSGI has no lifespan",
    "runtime._probing": "looks from time to time who is to be probed, in the background",
    "runtime._killing": "stops in a thread: a signal handler may take no lock",
    "runtime._sigterm": "leaves in a thread: a signal handler must not wait",
    "_clock": "takes the machine's sleep at import, for drivers",
    "_transports": "gives the drivers their sleep",
    "chaos._waiting": "gives the drivers of runs their sleep",
    "chaos._workers": "is a driver: calls of a load are made by threads",
    "config.store._blocking": "a constructor waits for its document, maybe on a loop",
    "discovery._timing": "gives sources and registrations their sleep, in the background",
    "health._calling": "a blocking check may hang, and must not keep a worker of others",
    "telemetry.prometheus._shared": "a process in which nothing happens goes on writing its state",
    "testing.inprocess._home": "owns the thread of the loop that a sync client's applications need",
    "testing.inprocess._host": "serves each request of a WSGI application in a thread",
    "testing._pausing": "gives fake endpoints their delays",
    "testing._keeper": "moves virtual time on, in a thread of its own",
    "testing._virtual": "begins the threads that a test has take part, and waits in tasks",
    "transport._hedge_sync": "is a driver: a blocking race needs threads",
    "transport._link_async": "is a driver: waits between two connects",
    "transport._link_sync": "is a driver: waits between two connects",
    "transport._stall_watch": "asks a run of Trio from time to time whether it stands still",
}

LAWFUL_RANDOM = {"random.Random", "random.SystemRandom"}


def unit_of(found: Import) -> str | None:
    """What of this project is imported; None for anything else."""
    package, _, rest = found.module.partition(".")
    if package != "meshlib":
        return None
    if rest:
        return rest.partition(".")[0]
    return found.name if found.name in ROW_OF else ""


def wrong_rows(module: Module) -> Iterator[str]:
    """Imports from a higher row, and from a neighbour."""
    own = ROW_OF[module.unit]
    for found in module.imports():
        unit = unit_of(found)
        if unit is None or unit == module.unit:
            continue
        other = ROW_OF.get(unit, len(ROWS))
        neighbours = own == other and not (unit.startswith("_") and module.unit.startswith("_"))
        if other > own or neighbours:
            yield f"{module.place}:{found.line}: {module.unit or 'meshlib'} imports {unit}"


def wrong_depths(module: Module) -> Iterator[str]:
    """Imports of another package's private modules."""
    for found in module.imports():
        unit = unit_of(found)
        if unit in (None, module.unit) or unit in BOTTOM:
            continue
        inside = [*found.module.split(".")[2:], found.name]
        if any(part.startswith("_") for part in inside):
            yield f"{module.place}:{found.line}: takes {'.'.join(inside)} out of {unit}"


def wrong_libraries(module: Module) -> Iterator[str]:
    """Libraries outside the place they belong to."""
    for found in module.imports():
        allowed = ONLY_IN.get(found.module.partition(".")[0])
        if allowed is not None and not allowed(module):
            yield f"{module.place}:{found.line}: imports {found.module}"


def uses(module: Module) -> Iterator[tuple[str, int]]:
    """Every dotted name that is used or imported, with its line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            yield dotted(node), node.lineno
    for found in module.imports():
        yield f"{found.module}.{found.name}".rstrip("."), found.line


def wrong_waits(module: Module) -> Iterator[str]:
    """Threads and sleeps in modules that decide."""
    if module.name not in MAY_WAIT and module.unit != "_demo":  # it is an application
        for name, line in uses(module):
            if name in WAITING:
                yield f"{module.place}:{line}: {name}"


def wrong_chances(module: Module) -> Iterator[str]:
    """Functions of the module `random` itself, which no test can seed."""
    for name, line in uses(module):
        if name.startswith("random.") and name.count(".") == 1 and name not in LAWFUL_RANDOM:
            yield f"{module.place}:{line}: {name}"


def wrong_exports(module: Module) -> Iterator[str]:
    """`__all__` of a package: sorted, and neither more nor less than what it imports for us."""
    if module.path.name != "__init__.py":
        return
    names = exported(module.tree)
    if names is None:
        yield f"{module.place}:1: has no __all__"
        return
    if names != sorted(names, key=lambda name: (0 if name.isupper() else 1, name)):
        yield f"{module.place}:1: __all__ is not sorted"
    public = {name for name in bound(module.tree) if not name.startswith("_")}
    for name in sorted(public ^ set(names)):
        yield f"{module.place}:1: {name} is {'not in' if name in public else 'only in'} __all__"


def exported(tree: ast.Module) -> list[str] | None:
    """The value of `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if dotted(target) == "__all__":
                return list(ast.literal_eval(node.value))
    return None


def bound(tree: ast.Module) -> Iterator[str]:
    """What a package binds for its users: relative imports, definitions and constants."""
    for node in declarations(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (dotted(target) for target in node.targets)
        elif isinstance(node, ast.AnnAssign):
            yield dotted(node.target)


def declarations(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a package, with what it loads lazily and a type checker sees."""
    for node in tree.body:
        if isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING" and node.orelse:
            yield from node.body
        elif not (isinstance(node, ast.ImportFrom) and node.module == "_public"):
            yield node


def long_files(module: Module) -> Iterator[str]:
    """More than one concept in a file."""
    lines = module.text.count("\n")
    if lines > 300:
        yield f"{module.place}:301: has {lines} lines"


RULES = [
    long_files,
    wrong_chances,
    wrong_depths,
    wrong_exports,
    wrong_libraries,
    wrong_rows,
    wrong_waits,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_module_breaks_a_rule(rule: object) -> None:
    """The whole package keeps each rule of the house; the failure names file and line."""
    none(broken(rule, modules()))


def broken(rule: object, found: Iterable[Module]) -> list[str]:
    """What breaks *rule*, in all modules."""
    assert callable(rule)
    return [line for module in found if module.unit in ROW_OF for line in rule(module)]


def test_every_module_has_a_row() -> None:
    """A new module beside the packages, or a new package, is given its place in `ROWS`."""
    none([module.place for module in modules() if module.unit not in ROW_OF])


def test_every_permission_to_wait_is_used() -> None:
    """A permission whose module no longer waits, or no longer exists, is taken back."""
    waiting = {
        module.name for module in modules() if any(name in WAITING for name, _ in uses(module))
    }
    assert set() == set(MAY_WAIT) - waiting


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (long_files, "breaker/_x.py", "\n" * 301),
        (wrong_chances, "retry/_x.py", "import random\nrandom.random()"),
        (wrong_chances, "retry/_x.py", "from random import choice"),
        (wrong_depths, "transport/_x.py", "from ..breaker._machine import Machine"),
        (wrong_depths, "config/_x.py", "from .. import _mesh"),
        (wrong_exports, "retry/__init__.py", "from ._a import A, b\n__all__ = ['A']"),
        (wrong_exports, "retry/__init__.py", "from ._a import A, b\n__all__ = ['b', 'A']"),
        (wrong_exports, "retry/__init__.py", "__all__ = ['A']"),
        (wrong_exports, "retry/__init__.py", ""),
        (wrong_libraries, "retry/_x.py", "from pydantic import Field"),
        (wrong_libraries, "retry/_policy.py", "import tenacity.wait"),
        (wrong_libraries, "transport/_sdk.py", "import httpx2"),
        (wrong_libraries, "transport/_x.py", "from opentelemetry import trace"),
        (wrong_rows, "retry/_x.py", "from ..breaker import Breaker"),
        (wrong_rows, "breaker/_x.py", "from ..transport import Call"),
        (wrong_rows, "_models.py", "from .breaker import Breaker"),
        (wrong_rows, "transport/_x.py", "def f():\n    from meshlib import MeshClient"),
        (wrong_rows, "testing/_x.py", "from ..integrations import fastapi"),
        (wrong_waits, "transport/_call.py", "import time\ntime.sleep(1)"),
        (wrong_waits, "health/_x.py", "from threading import Thread"),
    ],
)
def test_a_broken_rule_is_found(
    rule: object, name: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule finds what it is there to find."""
    module = Module(PACKAGE / name)
    monkeypatch.setitem(module.__dict__, "text", source)
    assert broken(rule, [module])[0].startswith(f"meshlib/{name}:")
