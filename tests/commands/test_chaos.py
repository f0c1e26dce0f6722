"""`meshlib chaos`: scenarios from the command line, and what its exit codes say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import ServerProcess

Run = Callable[..., tuple[int, str, str]]
MESH = "services: {{users: {{endpoints: ['{}']}}}}\n"
PATIENT = (1, 5, 25)
"""Times as long, until a slow machine makes enough calls for a verdict."""


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    """A real server."""
    with ServerProcess() as one:
        yield one


def test_list(run: Run) -> None:
    """One line for each, or all of it as JSON."""
    code, out, _ = run("chaos", "list")
    assert 0 == code
    assert 11 == len(out.splitlines())
    code, out, _ = run("chaos", "list", "--json")
    assert "percentage" in {one["name"]: one for one in json.loads(out)}["brownout"]["parameters"]


def test_show(run: Run, write: Callable[..., str]) -> None:
    """What is shown can be written to a file and shown again; the rules can be seen."""
    code, out, _ = run("chaos", "show", "brownout")
    assert 0 == code
    code, again, _ = run("chaos", "show", write(out, "own.yaml"))
    assert (0, True) == (code, "name: brownout" in again)
    code, out, _ = run("chaos", "show", "own.yaml", "--rules", "-p", "percentage=7")
    assert "percentage: 7.0" in out


@pytest.mark.usefixtures("real_sleep")
@pytest.mark.parametrize(
    ("arguments", "code", "verdict"),
    [
        (["-p", "errors=2", "-p", "delay=1ms"], 0, "pass"),
        (["-p", "errors=100"], 1, "fail"),
        (["-p", "service=other"], 3, "inconclusive"),
    ],
)
def test_run(
    run: Run, write: Callable[..., str], server: ServerProcess,
    arguments: list[str], code: int, verdict: str,
) -> None:  # fmt: skip
    """The exit code is the verdict, for real calls through a mesh of a document."""
    config = write(MESH.format(server.url))
    target = ["--config", config, "--url", "http://users/", "--seed", "1", "--json"]
    for times in PATIENT:
        spans = ["--before", f"{0.3 * times}", "--duration", f"{0.6 * times}", "--recovery", "2"]
        found, out, _ = run("chaos", "run", "brownout", *target, *spans, "--rps", "100", *arguments)
        if code == found:
            break
    assert (code, verdict) == (found, json.loads(out)["verdict"]), out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "brownout"], "--url is needed"),
        (["run", "brownuot", "--url", "http://a/"], "did you mean 'brownout'"),
        (["run", "brownout", "--url", "http://a/", "-p", "x"], "write NAME=VALUE"),
        (["run", "brownout", "--url", "http://a/", "--rps", "0"], "--rps"),
        (["run", "brownout", "--url", "http://a/", "--concurrency", "0"], "--concurrency"),
        (["run", "brownout", "--url", "http://a/", "--before", "x"], "before"),
        (["export", "brownout"], "--url is needed"),
        (["stop", "none.yaml"], "there is no document"),
    ],
)
def test_wrong_arguments(
    run: Run, write: Callable[..., str], arguments: list[str], message: str
) -> None:
    """2, and what is wrong on stderr."""
    code, _, err = run("chaos", *arguments)
    assert 2 == code
    assert message in err


def test_stop(run: Run, write: Callable[..., str]) -> None:
    """What a run that crashed has left is taken out, and told."""
    rule = "faults: [{name: chaos/x-1/a, abort: {status: 500}}, {name: own, abort: {status: 500}}]"
    file = write(f"{rule}\n")
    assert (0, f"{file}: took out chaos/x-1/a\n", "") == run("chaos", "stop", file)
    assert "own" in Path(file).read_text()
    assert (0, f"{file}: no run has left anything\n", "") == run("chaos", "stop", file)


@pytest.mark.usefixtures("real_sleep")
def test_document_without_a_load(run: Run, write: Callable[..., str]) -> None:
    """The faults are held in the document, and nobody judges."""
    file = write("name: shop\n")
    code, out, _ = run("chaos", "run", "brownout", "--document", file, "--duration", "0.1")
    assert 3 == code
    assert "nobody measured" in out
    assert "name: shop\n" == Path(file).read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(write: Callable[..., str], number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM take the faults out, and the exit code is 130."""
    file = Path(write("name: shop\n"))
    process = subprocess.Popen(
        [sys.executable, "-m", "meshlib", "chaos", "run", "brownout", "--document", str(file)],
        env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(__file__)) + "/.."},
        stderr=subprocess.PIPE,
        text=True,
    )
    while "chaos/brownout" not in file.read_text():
        assert process.poll() is None
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (130, True) == (process.returncode, "the faults were taken out" in err)
    assert "name: shop\n" == file.read_text()


@pytest.mark.usefixtures("real_sleep")
def test_export_and_run(run: Run, write: Callable[..., str], server: ServerProcess) -> None:
    """An exported experiment is run by the same command."""
    config = write(MESH.format(server.url))
    target = ["--config", config, "--url", "http://users/", "--duration", "0.3", "--rps", "50"]
    scenario = write(run("chaos", "show", "brownout")[1] + "before: 0.3\n", "own.yaml")
    code, out, _ = run("chaos", "export", scenario, *target, "-p", "delay=1ms", "-p", "errors=2")
    assert 0 == code
    code, out, err = run("chaos", "run", write(out, "experiment.json"))
    assert code in (0, 3), out + err
    assert "meshlib: brownout: " in out
