"""What holds for every test: no sleeping, both event loops, warnings and skips that count."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from meshlib.runtime import meshes
from support import FakeClock, Script, ScriptedServer

ROOT = Path(__file__).parents[1]
OURS = (str(ROOT / "meshlib"), str(ROOT / "tests"))

SLOWEST = (
    "routing/canary/test_simulated.py",
    "discovery/test_outage.py",
    "discovery/test_backends.py",
    "runtime/test_swaps.py",
    "testing/test_plugin.py",
    "runtime/canarying/test_processes.py",
    "testing/explore/test_plugin.py",
    "testing/explore/test_examples.py",
    "docs/test_blocks.py",
    "examples/test_examples.py",
    "transport/test_model.py",
    "convert/istio/test_account.py",
    "discovery/kubernetes/test_server.py",
)
"""Files that take longest: begun first, so that no process is left alone with one."""

hypothesis.settings.register_profile("laptop", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "laptop")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loop of an async test, which runs once on each."""
    return str(request.param)


@pytest.fixture
def clock() -> FakeClock:
    """Time that passes only when the test says so."""
    return FakeClock()


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a `ScriptedServer(*scripts)`; it ends with the test, and its errors fail the test."""
    with ExitStack() as stack:

        def start(*scripts: Script, **options: Any) -> ScriptedServer:
            return stack.enter_context(ScriptedServer(*scripts, **options))

        yield start


@pytest.fixture
def real_sleep() -> None:
    """Allow `time.sleep`, for a test whose subject is that a thread really waits."""


@pytest.fixture(autouse=True, scope="session")
def the_machine_may_be_busy() -> Iterator[None]:
    """Have meshes measure no stalls of loops, which this machine causes, unless a test asks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("meshlib.runtime._stalling.MEASURED", False)
        yield


@pytest.fixture(autouse=True, scope="module")
def nothing_runs_on() -> Iterator[None]:
    """Close what a file has left open: by a fake clock it would keep a core busy for all others."""
    yield
    for mesh in meshes():
        mesh.close()


@pytest.fixture(autouse=True)
def no_sleep(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `time.sleep` a failure in code of this project; others may poll with it."""
    if "real_sleep" in request.fixturenames:
        return
    sleep = time.sleep

    def guarded(seconds: float) -> None:
        if seconds and sys._getframe(1).f_code.co_filename.startswith(OURS):
            pytest.fail(
                f"slept {seconds} s of real time; pass a clock's sleep, or wait for an event"
            )
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", guarded)


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("MESHLIB_NO_SKIPS"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skips are forbidden here: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one where MESHLIB_NO_SKIPS is set."""
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped module into a failed one where MESHLIB_NO_SKIPS is set."""
    report = yield
    _forbid_skip(report)
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest files."""
    rank = {str(ROOT / "tests" / name): n for n, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: rank.get(str(item.path), len(rank)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close with what was skipped, each with its reason."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.collectonly:
        return
    skipped = reporter.stats.get("skipped", [])
    reporter.write_line(f"skipped: {len(skipped) or 'none'}")
    for report in skipped:
        reporter.write_line(f"  {report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}")
