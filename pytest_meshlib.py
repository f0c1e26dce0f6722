"""
Faults, fake services and virtual time in pytest: the fixtures `mesh` and `fault`.

Loaded by pytest wherever meshlib is installed, so it stands outside of the package: to
import any part of that takes longer than a run that does not use it should wait. What the
fixtures are made of is in `meshlib.testing`.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from meshlib import Mesh
    from meshlib.testing import FakeCluster, FaultHandle, Stage, VirtualTime

_STAGE = pytest.StashKey["Stage"]()
_MARKER = (
    "mesh(name, config, services, cluster, time, seed, unused): what the meshes of the test "
    "are made of, and how its time passes ('virtual' or 'real'); unused is what becomes of a "
    "test whose fault never fired ('error', 'warn' or 'ignore')"
)
_EXPLORE_MARKER = (
    "mesh_explore(faults, max_faults, max_runs, reduce, skip): run the test once without "
    "faults, and once for each fault at each call that it makes"
)


class UnusedFaultWarning(UserWarning):
    """A test passed, and a fault that it asked for never fired."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what becomes of tests whose faults never fire."""
    parser.addini(
        "mesh_unused_faults",
        "what becomes of a test that passes though its fault never fired: error, warn, ignore",
        default="error",
    )
    # explorer
    group = parser.getgroup("meshlib")
    group.addoption(
        "--mesh-replay",
        metavar="FILE",
        help="run one failing case of a test marked mesh_explore again, from the file it left",
    )
    group.addoption(
        "--mesh-explore-dir",
        metavar="DIR",
        default="mesh-failures",
        help="where failing cases are written, from the root directory (default: mesh-failures)",
    )
    group.addoption(
        "--mesh-coverage-json",
        metavar="FILE",
        help="write the resilience coverage of this run, edges of unmarked tests included",
    )
    group.addoption(
        "--mesh-coverage-fail-under",
        metavar="PERCENT",
        type=float,
        help="fail when less of the pairs of edge and fault were exercised",
    )


_EXPLORER_OPTIONS = ("mesh_replay", "mesh_coverage_json", "mesh_coverage_fail_under")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", _EXPLORE_MARKER)
    if any(config.getoption(name) is not None for name in _EXPLORER_OPTIONS):
        _explorer(config)


def _explorer(config: pytest.Config) -> Any:
    """The plugin that explores, which few runs need."""
    from meshlib.testing import _explore_plugin

    return _explore_plugin.register(config)


@pytest.hookimpl(wrapper=True)
def pytest_report_from_serializable(
    config: pytest.Config, data: dict[str, Any]
) -> Generator[None, Any, Any]:
    """Take what a worker of pytest-xdist explored; its controller collects nothing itself."""
    report = yield
    if "mesh_explore" in data or "mesh_explore_id" in data:
        return _explorer(config).received(report)
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have a marker act in tests that ask for no fixture of ours, before their own are made."""
    if any(item.get_closest_marker("mesh_explore") for item in items):
        _explorer(config)
    for item in items:
        names = getattr(item, "fixturenames", None)
        if names is not None and item.get_closest_marker("mesh") and "mesh_stage" not in names:
            names.insert(0, "mesh_stage")


@pytest.fixture
def mesh_stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """What the test takes place in, as its marker says."""
    from meshlib.testing import Stage

    marker = request.node.get_closest_marker("mesh")
    options = {} if marker is None else dict(marker.kwargs)
    if marker is not None and marker.args:
        raise pytest.UsageError("the marker mesh takes keyword arguments only")
    options.setdefault("unused", request.config.getini("mesh_unused_faults"))
    config = options.get("config")
    if isinstance(config, str) and (beside := request.path.parent / config).exists():
        options["config"] = Path(beside)
    with Stage(**options) as stage:
        if marker is not None:
            _ = stage.mesh  # clients of the test that say nothing share it
        request.node.stash[_STAGE] = stage
        undo = _keep_time(request.node, stage.time)
        try:
            yield stage
        finally:
            undo()
            del request.node.stash[_STAGE]


@pytest.fixture
def mesh(mesh_stage: Stage) -> Mesh:
    """The `Mesh` of the test, shared by clients that it makes without one; closed after it."""
    return mesh_stage.mesh


@pytest.fixture
def mesh_cluster(mesh_stage: Stage) -> FakeCluster:
    """The endpoints that the marker describes as `cluster=`."""
    return mesh_stage.cluster


@pytest.fixture
def mesh_time(mesh_stage: Stage) -> VirtualTime:
    """The time of the test, which its marker makes virtual."""
    if mesh_stage.time is None:
        pytest.fail('time is real in this test: mark it @pytest.mark.mesh(time="virtual")')
    return mesh_stage.time


@pytest.fixture
def fault(mesh_stage: Stage) -> Callable[..., FaultHandle]:
    """Break calls: `fault("payments", status=503, times=2)`; see `Stage.fault`."""
    return mesh_stage.fault


@pytest.fixture
def mesh_injections(request: pytest.FixtureRequest) -> tuple[Any, ...]:
    """The faults that an exploration puts into this run of the test; none in its first."""
    from meshlib.testing import _explore_plugin

    return _explore_plugin.injections(request.node)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that passes, and proves nothing, since its fault never fired."""
    result = yield
    stage = item.stash.get(_STAGE, None)
    if stage is None:
        return result
    for handle in stage.unused():
        text = f'{handle.complaint()}\n(fault(..., unused="ignore") allows that)'
        if handle.unused == "error":
            pytest.fail(text, pytrace=False)
        if handle.unused == "warn":
            warnings.warn(UnusedFaultWarning(text), stacklevel=1)
    return result


def _keep_time(item: Any, time: VirtualTime | None) -> Callable[[], None]:
    """Have the event loop of an asynchronous test go by *time* from its first line on."""
    test = getattr(item, "obj", None)
    if time is None or not inspect.iscoroutinefunction(test):
        return lambda: None

    @functools.wraps(test)
    async def kept(*args: Any, **kwargs: Any) -> Any:
        time.keep()
        return await test(*args, **kwargs)

    item.obj = kept

    def undo() -> None:
        item.obj = test

    return undo
