"""
One benchmark of the report, as a process of its own: none warms or litters another's.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from _plots import Plot
from _report import LEFT_OUT, Table, plots_of, tables_of

FOLDER = Path(__file__).resolve().parent
LONGEST, LONGEST_QUICK = 1800.0, 180.0
"""Seconds after which a benchmark has failed."""


@dataclass
class Outcome:
    """What became of one benchmark; *result* are its figures, *why* is for the other two."""

    name: str
    state: Literal["ran", "failed", "left out"]
    seconds: float = 0.0
    why: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """Its limits that did not hold."""
    said: str = ""
    """What it printed, for one that has no tables."""

    def as_json(self) -> dict[str, Any]:
        """Without its name, which is the key."""
        return {key: value for key, value in asdict(self).items() if key != "name"}

    def tables(self) -> list[Table]:
        """For people; what it printed, where it has none."""
        found = _module(self.name)
        if self.state != "ran" or not hasattr(found, "tables"):
            return []
        return tables_of(found, self.result)

    def plots(self) -> list[Plot]:
        """Its pictures."""
        return plots_of(_module(self.name), self.result) if self.state == "ran" else []


def _module(name: str) -> ModuleType:
    """The benchmark, or an empty module where what it needs is not installed any more."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return ModuleType(name)


def run(name: str, *, quick: bool, longest: float | None = None) -> Outcome:
    """Run the benchmark *name*; a failure is an outcome, too."""
    script = FOLDER / f"{name}.py"
    if not script.exists():
        return Outcome(name, "left out", why="there is no such benchmark")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "figures.json")
        command = [sys.executable, str(script), "--json", str(kept)]
        command.append("--quick" if quick else "--check")
        code, said = _said(command, longest or (LONGEST_QUICK if quick else LONGEST))
        result = json.loads(kept.read_text("utf-8")) if kept.exists() else None
    seconds = time.perf_counter() - began
    broken = [line[8:] for line in said.splitlines() if line.startswith("FAILED: ")]
    if result is not None and LEFT_OUT in result:
        return Outcome(name, "left out", seconds, str(result[LEFT_OUT]))
    if result is None or (code and not broken):
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        return Outcome(name, "failed", seconds, f"exit code {code}: {last[0]}", said=said)
    return checked(Outcome(name, "ran", seconds, result=result, broken=broken, said=said))


def checked(outcome: Outcome) -> Outcome:
    """The same, or a failure where its figures cannot be shown: nothing else is to end by it."""
    try:
        outcome.tables()
        outcome.plots()
    except Exception as exc:
        outcome.state, outcome.why = "failed", f"its figures cannot be shown: {exc!r}"
    return outcome


def _said(command: list[str], longest: float) -> tuple[int | str, str]:
    """The exit code of *command*, and what it printed; it and its children end in any case."""
    path = [*filter(None, [os.environ.get("PYTHONPATH")]), str(FOLDER.parent)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=longest)
    except subprocess.TimeoutExpired:
        _end_group(process)
        said, _ = process.communicate()
        return f"none, ended after {longest:.0f} s", said
    finally:
        _end_group(process)
    return process.returncode, said


def _end_group(process: subprocess.Popen[str]) -> None:
    """End a process and all that it has started, which are one group."""
    for signal_ in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal_)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
            break
