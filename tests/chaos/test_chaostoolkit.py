"""Experiments: exported and run by the real program, and foreign ones run by ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.chaos import Verdict, load_scenario
from meshlib.chaos.chaostoolkit import (
    close,
    export_experiment,
    load_experiment,
    run_experiment,
    verdict_of,
)
from support import ServerProcess

QUICK = {
    "name": "quick",
    "description": "Some attempts fail for a moment.",
    "parameters": {"errors": {"type": "percentage", "default": 30}, "service": {"type": "text"}},
    "before": 0.3,
    "duration": 0.6,
    "steady_state": {"min_samples": 5},
    "during": {"success_rate": 0.9},
    "method": [
        {
            "faults": [
                {
                    "name": "failing",
                    "match": {"service": "${service}"},
                    "abort": {"percentage": "${errors}", "status": 503},
                }
            ]
        }
    ],
}


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Path]:
    """A directory with a document of two real servers, and the scenario."""
    with ServerProcess("a") as one, ServerProcess("b") as other:
        services = {"users": {"endpoints": [one.url, other.url]}}
        (tmp_path / "mesh.json").write_text(json.dumps({"name": "shop", "services": services}))
        (tmp_path / "quick.json").write_text(json.dumps(QUICK))
        yield tmp_path
    close()


def exported(directory: Path, **parameters: Any) -> dict[str, Any]:
    """The experiment of the quick scenario in *directory*."""
    return export_experiment(
        load_scenario(directory / "quick.json"),
        url="http://users/",
        config=str(directory / "mesh.json"),
        parameters=parameters,
        rate=50,
        seed=1,
    )


def by_the_program(directory: Path, experiment: dict[str, Any]) -> dict[str, Any]:
    """The journal of Chaos Toolkit's own program, which runs *experiment*."""
    (directory / "experiment.json").write_text(json.dumps(experiment))
    program = Path(sys.executable).with_name("chaos")
    done = subprocess.run(
        [program, "--no-version-check", "run", "--rollback-strategy", "always", "experiment.json"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    journal = directory / "journal.json"
    assert journal.exists(), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(journal.read_text())
    return found


@pytest.mark.parametrize(
    ("parameters", "verdict"),
    [
        ({"errors": 20}, Verdict.PASS),
        ({"errors": 100}, Verdict.FAIL),
        ({"service": "other"}, Verdict.INCONCLUSIVE),
    ],
)
def test_ours_run_under_the_real_program(
    application: Path, parameters: dict[str, Any], verdict: Verdict
) -> None:
    """The journal that `chaos run` writes has the verdict, and all activities succeeded."""
    journal = by_the_program(application, exported(application, **parameters))
    assert verdict is verdict_of(journal)[0], journal
    assert "completed" == journal["status"]
    assert {"succeeded"} == {one["status"] for one in journal["run"] + journal["rollbacks"]}


@pytest.mark.usefixtures("real_sleep")
def test_ours_run_without_it(application: Path) -> None:
    """The same experiment has the same verdict here, and a journal of the same form."""
    report = run_experiment(exported(application, errors=20))
    assert Verdict.PASS is report.verdict, report.as_json()
    assert str(report) == "meshlib: quick: pass"
    report = run_experiment(exported(application, errors=100))
    assert Verdict.FAIL is report.verdict
    assert "is not within the tolerance" in report.reasons[0]


def foreign(**changes: Any) -> dict[str, Any]:
    """An experiment as others write them."""
    return {
        "version": "1.0.0",
        "title": "foreign",
        "description": "Nothing of ours.",
        "configuration": {"word": {"type": "env", "key": "WORD", "default": "well"}},
        "steady-state-hypothesis": {
            "title": "says so",
            "probes": [
                {
                    "type": "probe",
                    "name": "echo",
                    "tolerance": {"type": "regex", "target": "stdout", "pattern": "^${word}"},
                    "provider": {"type": "process", "path": "echo", "arguments": ["${word}"]},
                }
            ],
        },
        "method": [
            {
                "type": "action",
                "name": "nothing",
                "pauses": {"after": 2},
                "provider": {"type": "python", "module": "builtins", "func": "dict"},
            }
        ],
        "rollbacks": [
            {
                "type": "action",
                "name": "also nothing",
                "provider": {"type": "process", "path": "true"},
            }
        ],
        **changes,
    }


def test_a_foreign_experiment_runs() -> None:
    """Providers, configuration, tolerances and pauses are as in Chaos Toolkit."""
    slept: list[float] = []
    report = run_experiment(foreign(), environ={}, sleep=slept.append)
    assert (Verdict.PASS, ()) == (report.verdict, report.reasons)
    assert [2] == slept
    before = report.journal["steady_states"]["before"]
    assert "well\n" == before["probes"][0]["output"]["stdout"]
    assert 1 == len(report.journal["rollbacks"])


def test_a_http_provider_runs() -> None:
    """An integer tolerance is the status."""
    with ServerProcess() as server:
        probe: dict[str, Any] = {"type": "probe", "name": "up", "tolerance": 200}
        probe["provider"] = {"type": "http", "url": f"{server.url}/x"}
        hypothesis = {"title": "up", "probes": [probe]}
        report = run_experiment(foreign(**{"steady-state-hypothesis": hypothesis}))
        assert Verdict.PASS is report.verdict, report.as_json()
        probe["provider"]["url"] = f"{server.url}/status/503"
        report = run_experiment(foreign(**{"steady-state-hypothesis": hypothesis}))
    assert ("the steady state did not hold before the method",) == report.reasons
    assert 1 == len(report.journal["rollbacks"])


def test_rolled_back_when_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollbacks are carried out whatever happens."""
    carried: list[str] = []

    def carry_out(provider: Any) -> Any:
        carried.append(getattr(provider, "path", provider.type))
        if provider.type == "python":
            raise KeyboardInterrupt
        return {"stdout": "well"}

    monkeypatch.setattr("meshlib.chaos.chaostoolkit._experiment.carry_out", carry_out)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(foreign(), environ={})
    assert ["echo", "python", "true"] == carried


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secrets": {"a": {}}}, "secrets: this is not understood here; run it with"),
        ({"controls": [1]}, "controls: this is not understood"),
        ({"methd": []}, "unknown key 'methd'; did you mean 'method'"),
        ({"method": [{"ref": "x"}]}, r"method\[0\]"),
        ({"configuration": {"a": {"type": "env", "key": "NO"}}}, "configuration.a: the variable"),
        ({"configuration": {"a": {"type": "probe"}}}, "configuration.a: known is"),
    ],
)
def test_what_is_not_understood_is_an_error(changes: dict[str, Any], message: str) -> None:
    """Nothing of an experiment is silently left out; the error names the place."""
    with pytest.raises(ConfigurationError, match=message):
        load_experiment(foreign(**changes), environ={})


def test_activities_do_not_need_it() -> None:
    """The module imports where Chaos Toolkit is not installed."""
    code = (
        "import sys; sys.modules['chaoslib'] = None; sys.modules['chaostoolkit'] = None\n"
        "import meshlib.chaos.chaostoolkit as c; print(c.inject.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "inject" == done.stdout.strip()
