"""Runs one test again and again, each time with what an exploration asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from ._observing import Observer
from .explore import Behaviour, CallSite, Exploration, FaultKind, Faults, Plan, Replay

OBSERVER = pytest.StashKey[Observer]()
"""Who watches the call of an item."""

ID = "mesh_explore_id"
"""Attribute of a report: under which id it is shown."""
DATA = "mesh_explore"
"""Attribute of a report: what it adds to the coverage, as JSON can hold it."""


@dataclass
class Run:
    """One execution of a test, and the reports that it left."""

    plan: Plan
    reports: list[pytest.TestReport]
    observer: Observer
    behaviour: Behaviour

    @property
    def passed(self) -> bool:
        """Whether setup, call and teardown all did."""
        return all(report.passed for report in self.reports)


@dataclass
class Options:
    """What the marker says."""

    faults: Any = None
    max_faults: int = 1
    max_runs: int | None = None
    reduce: bool = True
    skip: Sequence[str] = ()
    table: Faults = field(init=False)
    ignored: Faults = field(init=False)

    def __post_init__(self) -> None:
        self.table = Faults(self.faults)
        skip = [self.skip] if isinstance(self.skip, str) else self.skip
        self.ignored = Faults(dict.fromkeys(skip, 500))

    def kinds(self, site: CallSite) -> tuple[FaultKind, ...]:
        """What to try at *site*."""
        return () if self.ignored.at(site) else self.table.at(site)


def options_of(item: pytest.Item) -> Options:
    """The options of the item's marker; UsageError for what it does not take."""
    marker = item.get_closest_marker("mesh_explore")
    try:
        options = Options(*marker.args, **marker.kwargs) if marker else Options()
    except (TypeError, ValueError) as exc:
        raise pytest.UsageError(f"{item.nodeid}: mesh_explore: {exc}") from exc
    if not isinstance(item, pytest.Function) or hasattr(item, "_testcase"):
        raise pytest.UsageError(f"{item.nodeid}: mesh_explore goes with test functions")
    return options


def run_once(item: pytest.Function, plan: Plan) -> Run:
    """Run *item* with fixtures of its own, and with the faults of *plan*."""
    again = _again(item)
    observer = again.stash[OBSERVER] = Observer(plan)
    # As if the item itself came next: what is shared with it stays set up.
    reports = run_protocol(again, item)
    passed = all(report.passed for report in reports)
    behaviour = observer.behaviour("passed" if passed else "failed")
    observer.clear()
    return Run(plan, reports, observer, behaviour)


def run_protocol(item: pytest.Function, nextitem: pytest.Item) -> list[pytest.TestReport]:
    """Set *item* up, call it and take it down again, as pytest does; nothing is told yet."""
    hook = item.ihook
    reports = [_phase(item, "setup", lambda: hook.pytest_runtest_setup(item=item))]
    if reports[0].passed:
        reports.append(_phase(item, "call", lambda: hook.pytest_runtest_call(item=item)))
    down = _phase(
        item, "teardown", lambda: hook.pytest_runtest_teardown(item=item, nextitem=nextitem)
    )
    item.funcargs = {}  # what fixtures gave is not to outlive them
    return [*reports, down]


def _phase(
    item: pytest.Item, when: Literal["setup", "call", "teardown"], run: Callable[[], None]
) -> pytest.TestReport:
    ends = (pytest.exit.Exception, KeyboardInterrupt)
    call = pytest.CallInfo.from_call(run, when=when, reraise=ends)
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
    if call.excinfo is not None and report.failed and not hasattr(report, "wasxfail"):
        item.ihook.pytest_exception_interact(node=item, call=call, report=report)
    return report


def _again(item: pytest.Function) -> pytest.Function:
    """The same item anew."""
    made: pytest.Function = type(item).from_parent(
        item.parent,
        name=item.name,
        callspec=getattr(item, "callspec", None),
        fixtureinfo=item._fixtureinfo,
        originalname=item.originalname,
    )
    made.own_markers[:] = item.own_markers
    made.keywords.update(dict(item.keywords))
    return made


class ExploredItem:
    """The exploration of one test: its runs, and what is said about them."""

    def __init__(self, item: pytest.Function, options: Options, folder: Path) -> None:
        self.item = item
        self.folder = folder
        self.failures: list[str] = []
        self._entries: set[CallSite] = set()
        self.exploration = Exploration(
            lambda site: () if site in self._entries else options.kinds(site),
            max_faults=options.max_faults,
            max_runs=options.max_runs,
            reduce=options.reduce,
        )

    def next(self) -> Run | None:
        """Make the next run; None when none is left."""
        plan = self.exploration.next()
        if plan is None:
            return None
        run = run_once(self.item, plan)
        self._find_entries(run.behaviour)
        self.exploration.record(plan, run.behaviour)
        self._judge(run)
        return run

    def _find_entries(self, run: Behaviour) -> None:
        """Calls of the test function itself that others are made for: they only let it in."""
        function = self.item.function
        me = f"{function.__module__}:{function.__qualname__}"
        for call in run.calls:
            if call.site is not None and call.calls and call.site.stack[-1:] == (me,):
                self._entries.add(call.site)

    def _judge(self, run: Run) -> None:
        if not run.plan.injections:
            return
        explain_miss(run)
        if not run.passed:
            text = failure_text(run)
            replay = Replay(self.item.nodeid, run.plan, text)
            path = self.folder / replay.file_name
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(replay.dumps(), encoding="utf-8")
            self.failures.append(str(run.plan))
            describe(run, f"pytest --mesh-replay={shown(self.item, path)}")

    def data(self) -> dict[str, Any]:
        """What this exploration adds to the coverage."""
        exploration = self.exploration
        edges: dict[str, list[str]] = {}
        for site, kinds in exploration.sites.items():
            if kinds:
                edges.setdefault(site.edge, []).extend(kind.name for kind in kinds)
        return {
            "edges": edges,
            "fired": [[one.site.edge, one.kind.name] for one in exploration.exercised],
            "runs": exploration.runs,
            "reduced": exploration.reduced,
            "product": exploration.product,
            "left": exploration.left,
            "contradicted": exploration.contradicted,
            "failures": self.failures,
        }


def shown(item: pytest.Item, path: Path) -> str:
    """*path* as one types it."""
    try:
        return str(path.relative_to(item.config.invocation_params.dir))
    except ValueError:
        return str(path)


def explain_miss(run: Run) -> None:
    """A run whose fault did not fire proves nothing: it fails, and says why."""
    missed = run.observer.missed(run.behaviour)
    if missed and run.passed:
        report = next(report for report in run.reports if report.when == "call")
        report.outcome = "failed"
        report.longrepr = (
            f"inconclusive: {missed[0]} did not fire. The call was not made this time, or not "
            "from the same place: the test does not do the same in each run, or has changed."
        )


def failure_text(run: Run) -> str:
    """What went wrong, in one line."""
    report = next(report for report in run.reports if not report.passed)
    crash = getattr(report.longrepr, "reprcrash", None)
    text = getattr(crash, "message", None) or str(report.longrepr)
    return text.strip().split("\n")[0]


def describe(run: Run, command: str) -> None:
    """Say in the report of a failed run what was broken where, and how to see it again."""
    lines = []
    for one in run.plan.injections:
        place = run.observer.places.get(one.site, "")
        lines += [
            f"call site: {one.site} from {one.site.source}" + (f", at {place}" if place else ""),
            f"fault:     {one.label}",
        ]
    lines += [f"failure:   {failure_text(run)}", f"replay:    {command}"]
    report = next(report for report in run.reports if not report.passed)
    report.sections.append(("mesh_explore", "\n".join(lines)))


def renamed(report: pytest.TestReport, nodeid: str) -> pytest.TestReport:
    """The same report under another id."""
    values = {name: value for name, value in vars(report).items() if name not in ("nodeid", "_id")}
    name = nodeid.rpartition("::")[2] if "[" not in nodeid else _function_of(nodeid)
    values["location"] = (*report.location[:2], name)
    return pytest.TestReport(nodeid=nodeid, **values)


def _function_of(nodeid: str) -> str:
    names, bracket, rest = nodeid.partition("[")
    return ".".join(names.split("::")[1:]) + bracket + rest
