"""
The part of the pytest plugin that explores; imported when a test is marked, or an option says so.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ._explore_runs import (
    DATA,
    ID,
    OBSERVER,
    ExploredItem,
    Run,
    describe,
    explain_miss,
    options_of,
    renamed,
    run_once,
)
from ._observing import Observer
from .explore import DEFAULT_KINDS, Injection, Plan, Replay, ResilienceCoverage

NAME = "meshlib-explorer"
WATCHER = pytest.StashKey[Observer]()
"""Who watches the call of a test that is not explored."""


class Explorer:
    """The hooks of one pytest run; on a controller of pytest-xdist, only those that add up."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        self.coverage = ResilienceCoverage()
        self.notes: list[str] = []
        self.ids: set[str] = set()
        self.unexplored: set[str] = set()
        file = config.getoption("mesh_replay")
        self.replay = None if file is None else load(Path(config.invocation_params.dir, file))
        wanted = "mesh_coverage_json", "mesh_coverage_fail_under"
        self.watches_all = any(config.getoption(name) is not None for name in wanted)
        if self.replay is not None and config.args_source is not config.ArgsSource.ARGS:
            config.args = [str(config.rootpath / self.replay.test)]

    # Which tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep only the test to be replayed."""
        if self.replay is not None:
            others = [item for item in items if item.nodeid != self.replay.test]
            items[:] = [item for item in items if item.nodeid == self.replay.test]
            if others:
                self.config.hook.pytest_deselected(items=others)
            if not items:
                raise pytest.UsageError(f"there is no test {self.replay.test} to replay")

    # The runs

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a marked test as often as it takes."""
        marked = item.get_closest_marker("mesh_explore") is not None
        if not marked and self.replay is None:
            return None
        options = options_of(item)
        assert isinstance(item, pytest.Function)
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        if self.replay is None:
            reports = self._explore(ExploredItem(item, options, self._folder()))
        else:
            reports = self._again(item, self.replay)
        reports[-1] = self._end(item, nextitem, reports[-1])
        for report in reports:
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _explore(self, explored: ExploredItem) -> list[pytest.TestReport]:
        """Make every run, tell of each, and return the reports of the test as a whole."""
        item = explored.item
        first = explored.next()
        assert first is not None
        while first.passed and (run := explored.next()) is not None:
            self._tell(item, run, explored.exploration.runs - 1)
            if item.session.shouldfail or item.session.shouldstop:
                break
        for report in first.reports:
            if report.when == "call":
                setattr(report, DATA, explored.data())
                if explored.failures:
                    report.outcome = "failed"
                    report.longrepr = _sum_of(explored)
        return first.reports

    def _again(self, item: pytest.Function, replay: Replay) -> list[pytest.TestReport]:
        run = run_once(item, replay.plan)
        explain_miss(run)
        if not run.passed:
            describe(run, f"pytest --mesh-replay={self.config.getoption('mesh_replay')}")
        return run.reports

    def _tell(self, item: pytest.Item, run: Run, number: int) -> None:
        name = f"{item.nodeid}[explore-{number}: {run.plan}]"
        for report in run.reports:
            setattr(report, ID, name)
            # A worker of pytest-xdist may report on what was collected, and on nothing else.
            told = report if self.is_worker else self.received(report)
            item.ihook.pytest_runtest_logreport(report=told)

    @staticmethod
    def _end(
        item: pytest.Item, nextitem: pytest.Item | None, before: pytest.TestReport
    ) -> pytest.TestReport:
        """Take down what the runs shared and the next test does not."""
        call = pytest.CallInfo.from_call(
            lambda: item.session._setupstate.teardown_exact(nextitem), when="teardown"
        )
        report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
        return report if before.when == "teardown" and before.passed else before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch the calls of the test function, not those of its fixtures."""
        observer = item.stash.get(OBSERVER, None)
        if observer is None and self.watches_all:
            observer = item.stash[WATCHER] = Observer(Plan())
        if observer is None:
            return (yield)
        with observer.watching():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the edges that a test reached which nobody explores."""
        report = yield
        watcher = item.stash.get(WATCHER, None)
        if call.when == "call" and watcher is not None:
            seen = [one.site.edge for one in watcher.behaviour("").walk() if one.site]
            setattr(report, DATA, {"unexplored": seen})
        return report

    def _folder(self) -> Path:
        return Path(self.config.rootpath, self.config.getoption("mesh_explore_dir"))

    # The sum

    def received(self, report: pytest.TestReport) -> pytest.TestReport:
        """The report under the id of its run, if it has one; also from a worker."""
        name = getattr(report, ID, None)
        if name is None:
            return report
        if name not in self.ids:
            self.ids.add(name)
            session: Any = self.config.pluginmanager.get_plugin("session")
            session.testscollected += 1  # a run is a test that collection cannot know of
        return renamed(report, name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what runs exercised."""
        data = getattr(report, DATA, None)
        if data is None or self.is_worker:
            return
        if "unexplored" in data:
            self.unexplored.update(data["unexplored"])
            return
        for edge, kinds in data["edges"].items():
            self.coverage.reached(edge, kinds)
        for edge, kind in data["fired"]:
            self.coverage.fired(edge, kind)
        self.coverage.runs += data["runs"]
        self.coverage.reduced += data["reduced"]
        self.coverage.product += data["product"]
        self.coverage.failures += [f"{report.nodeid}: {case}" for case in data["failures"]]
        self.notes += _notes(report.nodeid, data)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report, and judge it."""
        if self.is_worker or self.replay is not None:
            return
        cache: Any = self.config.pluginmanager.get_plugin("lfplugin")
        if cache is not None:  # --lf selects tests, which runs are not
            for key in [key for key in cache.lastfailed if str(key) in self.ids]:
                del cache.lastfailed[key]
        kinds = [kind.name for kind in DEFAULT_KINDS]
        for edge in self.unexplored - self.coverage.edges:
            self.coverage.reached(edge, kinds)
        file = self.config.getoption("mesh_coverage_json")
        if file is not None:
            text = json.dumps(self.coverage.to_json(), indent=2)
            Path(self.config.invocation_params.dir, file).write_text(text, encoding="utf-8")
        if self.falls_short and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @property
    def falls_short(self) -> bool:
        """Whether the coverage is below what was asked for."""
        least = self.config.getoption("mesh_coverage_fail_under")
        return least is not None and self.coverage.percentage < least

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the coverage."""
        if self.replay is not None or not (self.coverage.pairs or self.watches_all):
            return
        coverage = self.coverage
        terminalreporter.section("resilience coverage")
        for line in coverage.lines():
            terminalreporter.write_line(line)
        terminalreporter.write_line(
            f"{coverage.runs} runs, {coverage.reduced} known without running, "
            f"{coverage.product} in the full product"
        )
        for note in self.notes:
            terminalreporter.write_line(note)
        if self.falls_short:
            least = self.config.getoption("mesh_coverage_fail_under")
            terminalreporter.write_line(
                f"FAIL: resilience coverage {coverage.percentage:.2f} % is below {least:g} %",
                red=True,
            )


def load(path: Path) -> Replay:
    """The case in the file at *path*; UsageError when there is none."""
    try:
        return Replay.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise pytest.UsageError(f"--mesh-replay: {path}: {exc}") from exc


def _sum_of(explored: ExploredItem) -> str:
    runs = explored.exploration.runs
    lines = [f"{len(explored.failures)} of {runs} runs failed, each reported by itself:"]
    return "\n".join([*lines, *(f"  {case}" for case in explored.failures)])


def _notes(nodeid: str, data: dict[str, Any]) -> Sequence[str]:
    notes = []
    if not data["fired"]:
        notes.append(f"{nodeid}: reached nothing that could be broken")
    if data["left"]:
        notes.append(f"{nodeid}: max_runs left {data['left']} runs undone")
    if data["contradicted"]:
        notes.append(
            f"{nodeid}: {data['contradicted']} is not encapsulated or not repeatable; "
            "nothing was left out"
        )
    return notes


def injections(item: pytest.Item) -> tuple[Injection, ...]:
    """What this run of *item* injects."""
    observer = item.stash.get(OBSERVER, None)
    return () if observer is None else observer.plan.injections


def register(config: pytest.Config) -> Explorer:
    """The explorer of this pytest run, made when it is first needed."""
    explorer = config.pluginmanager.get_plugin(NAME)
    if explorer is None:
        explorer = Explorer(config)
        config.pluginmanager.register(explorer, NAME)
    assert isinstance(explorer, Explorer)
    return explorer
