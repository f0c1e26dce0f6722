"""The report of all benchmarks: what it does with theirs, by small ones that measure nothing."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from support.source import ROOT

SHAPED = '''
"""Measures nothing."""

import sys

import _report
from _plots import Plot


def arguments(parser):
    parser.add_argument("--most", type=float, default=2.0)


def measure(given):
    return {"cost": 1.0 if given.quick else 3.0, "most": given.most}


def tables(result):
    return [("What it costs", ("", "µs"), [("one | call", f"{result['cost']:.1f}")])]


def plots(result):
    return [Plot("shaped", "Cost", "at once", "µs", {"one": [(1, result["cost"])]})]


def broken(result):
    return ["one call: too much"] * (result["cost"] > result["most"])


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
'''
PRINTS = """
import sys

if __name__ == "__main__":
    open(sys.argv[sys.argv.index("--json") + 1], "w").write("{}")
    print("as it likes")
"""
FAILS = """
import sys

if __name__ == "__main__":
    sys.exit("no such server")
"""
MISSING = SHAPED.replace('{"cost": 1.0', '{"left out": "no Envoy"} or {"cost": 1.0')
HANGS = """
import subprocess
import sys
import time

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The report, whose benchmarks are the ones above."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    scripts = {"shaped": SHAPED, "prints": PRINTS, "fails": FAILS, "missing": MISSING}
    for name, script in {**scripts, "hangs": HANGS}.items():
        monkeypatch.delitem(sys.modules, name, raising=False)
        (folder / f"{name}.py").write_text(dedent(script), encoding="utf-8")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "benchmarks"), str(ROOT)]))
    monkeypatch.setattr(importlib.import_module("_running"), "FOLDER", folder)
    whole = importlib.import_module("_whole")
    monkeypatch.setattr(whole, "NAMES", (*scripts, "gone", "soak"))
    monkeypatch.setattr(whole, "draw_all", lambda plots, folder: [folder for _ in plots])
    return whole


def test_all_run_and_the_end_says_what_is_wrong(
    whole: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that fails and one that is left out keep no other from running."""
    kept = tmp_path / "new" / "report.json"
    assert 1 == whole.main(["--json", str(kept)])
    said = capsys.readouterr().out
    assert "one | call  3.0" in said
    assert "as it likes" in said
    end = said.split("\n\n")[-1].splitlines()
    assert [
        "shaped: a limit does not hold: one call: too much",
        "fails: failed: exit code 1: no such server",
        "missing: left out: no Envoy",
        "gone: left out: there is no such benchmark",
        "soak: left out: it takes 20 minutes, and --soak",
    ] == end
    report = json.loads(kept.read_text(encoding="utf-8"))
    assert {"shaped", "prints", "fails", "missing", "gone"} == set(report["benchmarks"])
    assert {"cost": 3.0, "most": 2.0} == report["benchmarks"]["shaped"]["result"]
    assert "httpx" in report["machine"]["libraries"]


def test_a_limit_fails_when_asked_to(whole: ModuleType) -> None:
    """A limit that does not hold is told in any case, and the exit code on demand."""
    assert 0 == whole.main(["--only", "shaped"])
    assert 1 == whole.main(["--only", "shaped", "--check"])
    assert 0 == whole.main(["--only", "shaped", "--check", "--quick"])


def test_a_report_fills_a_page(
    whole: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables and plots take the places of the old ones; what was not measured stays."""
    kept, page = tmp_path / "report.json", tmp_path / "page.md"
    page.write_text(
        "# Title\n"
        "<!-- figures: shaped -->\nold\n<!-- end of figures -->\nText.\n"
        "<!-- figures: fails -->\nkept\n<!-- end of figures -->\n",
        encoding="utf-8",
    )
    whole.main(["--only", "shaped", "fails", "--json", str(kept)])
    capsys.readouterr()
    whole.main(["--load", str(kept), "--markdown", str(page)])
    assert (
        "# Title\n"
        "<!-- figures: shaped -->\n\nWhat it costs:\n\n"
        "|  | µs |\n| --- | --: |\n| one \\| call | 3.0 |\n\n"
        "![Cost](page/shaped.svg)\n\n<!-- end of figures -->\nText.\n"
        "<!-- figures: fails -->\nkept\n<!-- end of figures -->\n"
    ) == page.read_text(encoding="utf-8")
    assert "the figures of fails are as they were" in capsys.readouterr().out


def test_an_earlier_report_is_completed(whole: ModuleType, tmp_path: Path) -> None:
    """One benchmark can be measured again, and the others keep their figures."""
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    whole.main(["--only", "shaped", "prints", "--json", str(first)])
    whole.main(["--load", str(first), "--only", "shaped", "--quick", "--json", str(second)])
    found = json.loads(second.read_text(encoding="utf-8"))["benchmarks"]
    assert {"shaped", "prints"} == set(found)
    assert 1.0 == found["shaped"]["result"]["cost"]


def test_one_that_hangs_ends_with_its_children(whole: ModuleType) -> None:
    """A benchmark has so long, and leaves nothing behind."""
    running = importlib.import_module("_running")
    outcome = running.run("hangs", quick=False, longest=1.0)
    assert "failed" == outcome.state
    assert outcome.why.startswith("exit code none, ended after 1 s")
    child = int(outcome.said.split()[0])
    until = time.monotonic() + 10.0
    while _runs(child):
        assert time.monotonic() < until


def _runs(pid: int) -> bool:
    """Whether a process is there, and not only waiting for its parent to look at it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.split()[0] != "Z"
