"""Every benchmark runs, and their gate holds; what they measure is no matter of tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from support.source import ROOT

BENCHMARKS = ROOT / "benchmarks"


def run(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python on a benchmark; *path* replaces `PATH`."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(BENCHMARKS)])}
    if path is not None:
        environ["PATH"] = path
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The method that the benchmarks share."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import _slices

    return _slices


def test_gate_passes() -> None:
    """A request makes no more profile calls than were measured."""
    done = run("benchmarks/overhead.py", "--gate")
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "sync" in done.stdout


def test_gate_fails_above_a_limit() -> None:
    """One call more than allowed is named, and ends with exit code 1."""
    code = (
        "import sys, overhead\n"
        "counts = overhead.profile_calls()\n"
        "python, c = counts['async']\n"
        "overhead.MOST_CALLS = {'sync': counts['sync'], 'async': (python - 1, c)}\n"
        "sys.argv = ['overhead.py', '--gate']\n"
        "sys.exit(overhead.main())\n"
    )
    done = run("-c", code)
    assert 1 == done.returncode, done.stderr
    failures = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert 1 == len(failures)
    assert "async" in failures[0]
    assert "Python" in failures[0]


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (("overhead.py", "--rounds", "2"), {"sync", "async", "profile_calls"}),
        (
            ("wire.py", "--quick", "--concurrency", "4", "--endpoints", "20"),
            {"async, 4 at once", "sync, 1 at once", "async, 1 at once, idle connections"},
        ),
        (("streaming.py", "--quick"), {"sync, download", "async, upload"}),
        (
            ("middleware.py", "--rounds", "2", "--seconds", "0"),
            {"starlette, in process", "flask, in process"},
        ),
        (("lag.py", "--rounds", "1", "--seconds", "0.8"), {"variants", "hangs"}),
        (("soak.py", "--minutes", "0.03", "--threads", "2", "--tasks", "8"), {"samples"}),
        (("picks.py", "--rounds", "1"), {"round_robin", "maglev"}),
        (("updates.py", "--endpoints", "200", "--updates", "2"), {"applied", "excess"}),
        (("scale.py", "--quick"), {"memory", "flat over sockets", "imports"}),
        (("storm.py", "--quick", "--simulate", "--check"), {"blip", "policies"}),
        (("overload.py", "--seconds", "0.4"), {"no shedding", "fixed: 40", "gradient2"}),
        (
            ("mirroring.py", "--rounds", "2", "--seconds", "0"),
            {"sync, 1 at once", "async, 8 at once"},
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_benchmark_runs(arguments: tuple[str, ...], keys: set[str], tmp_path: Path) -> None:
    """It prints a table and writes its figures, without nginx or any other program."""
    script, *rest = arguments
    kept = tmp_path / "figures.json"
    done = run(f"benchmarks/{script}", *rest, "--json", str(kept), path=str(tmp_path))
    assert 0 == done.returncode, done.stdout + done.stderr
    assert keys <= set(json.loads(kept.read_text(encoding="utf-8")))
    assert len(done.stdout.splitlines()) >= 5


def test_sidecar_runs_with_the_proxies_there_are(tmp_path: Path) -> None:
    """Each proxy that is installed is compared; without any it says so, and does not fail."""
    kept = tmp_path / "figures.json"
    few = ("--rounds", "1", "--seconds", "0.01", "--concurrency", "1")
    done = run("benchmarks/sidecar.py", *few, "--json", str(kept), path=str(tmp_path))
    assert 0 == done.returncode, done.stdout + done.stderr
    result = json.loads(kept.read_text(encoding="utf-8"))
    if "left out" in result:
        assert "neither Envoy nor HAProxy is installed" in done.stdout
        return
    for run_ in result["runs"]["httpx"].values():
        assert {"meshlib", "direct", *result["versions"]} <= set(run_["ways"])
    assert {0} == {seen["failed"] for seen in result["faults"].values()}


def test_ratio_is_the_median_of_pairs(slices: ModuleType) -> None:
    """One disturbed turn moves neither the ratio nor what is added."""
    samples = {
        "bare": [1e-6, 2e-6, 1e-6],
        "one": [3e-6, 6e-6, 90e-6],
        "other": [5e-6, 10e-6, 5e-6],
    }
    assert 0.5 == pytest.approx(slices.ratio(samples, "one", "other", floor="bare"))
    assert 0.6 == pytest.approx(slices.ratio(samples, "one", "other"))
    assert 4.0 == pytest.approx(slices.added(samples, "one", "bare"))


def test_turns_go_forwards_and_backwards(slices: ModuleType) -> None:
    """Each turn runs every slice twice, mirrored, and the first slices are thrown away."""
    order: list[str] = []

    def slice_named(name: str) -> float:
        order.append(name)
        return float(len(order))

    names = {"a": lambda: slice_named("a"), "b": lambda: slice_named("b")}
    samples = slices.take_turns(names, rounds=2, seconds=60.0)
    assert "ab" + "abba" + "baab" == "".join(order)
    assert {"a": [4.5, 8.5], "b": [4.5, 8.5]} == samples


def test_turns_end_when_time_is_up(slices: ModuleType) -> None:
    """Two turns are taken in any case, for a median of something."""
    samples = slices.take_turns({"a": lambda: 1.0}, rounds=100, seconds=0.0)
    assert 2 == len(samples["a"])
