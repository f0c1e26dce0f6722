"""The demo from end to end, in processes of its own and in this one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from meshlib.__main__ import main
from meshlib._demo import replicas
from support.source import ROOT

WAYS = {"meshlib", "httpx"}
FIGURES = {"requests", "lost", "should_have_been_saved", "success_rate", "p50", "p99"}


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `python -m meshlib` with its output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "meshlib", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """The exit code and both outputs, within a minute."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def is_running(pid: int) -> bool:
    """Whether a process with this number exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_demo_saves_every_request_that_it_should() -> None:
    """The exit code is 0, and what a pipe gets can be read: no control codes, every phase."""
    code, out, err = finish(start("demo", "--fast"))
    assert 0 == code, out + err
    assert "" == err
    assert "\x1b" not in out
    assert "\r" not in out
    assert [str(number) for number in range(1, 7)] == re.findall(r"^(\d)/6 ", out, re.MULTILINE)
    assert "The mesh lost no request that it should have saved." in out
    assert not any(is_running(int(pid)) for pid in re.findall(r"process (\d+)", out))


def test_demo_without_retries_fails() -> None:
    """A mesh that does not try again loses requests, and the demo sees it."""
    code, out, err = finish(start("demo", "--fast", "--no-retries", "--json"))
    assert 1 == code, out + err
    figures = json.loads(out)
    assert figures["saved_all"] is False
    assert figures["total"]["meshlib"]["should_have_been_saved"] > 0
    assert 0 == figures["total"]["meshlib"]["retries"]
    assert "LOST: GET http://users/users/" in err


def test_demo_in_this_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures tell both ways apart: the mesh retries and loses less than plain httpx."""
    assert 0 == main(["demo", "--fast", "--json", "--seed", "5"])
    figures: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert figures["saved_all"] is True
    assert set(figures["total"]) == set(figures["phases"]) == WAYS
    mesh, plain = figures["total"]["meshlib"], figures["total"]["httpx"]
    assert set(mesh) >= FIGURES
    assert mesh["requests"] == plain["requests"] > 300
    assert mesh["retries"] > 0
    assert mesh["lost"] < plain["lost"]
    assert plain["should_have_been_saved"] > 0
    assert 0 == plain["retries"]


@pytest.mark.skipif(os.name != "posix", reason="sends the signal of Ctrl-C, as POSIX knows it")
def test_ctrl_c_ends_every_process() -> None:
    """The exit code is 130, and no server process is left."""
    process = start("demo", "--fast")
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("2/6"):
            break
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert 130 == code, err
    pids = [int(pid) for pid in re.findall(r"\(process (\d+)", "".join(lines))]
    assert 5 == len(pids)
    assert not any(map(is_running, pids))


def test_server_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 3, and the reason is told."""
    monkeypatch.setattr(replicas, "_SERVER", ROOT / "no-such-file.py")
    assert 3 == main(["demo", "--fast"])
    assert "did not start" in capfd.readouterr().err


def test_help_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m meshlib` says what it can do, and that is no error."""
    assert 0 == main([])
    assert "demo" in capsys.readouterr().out


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever runs the demo in a script finds out what its exit code means."""
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--help"])
    assert 0 == ended.value.code
    said = capsys.readouterr().out
    assert all(f"\n  {code}" in said for code in (0, 1, 2, 3, 130))


def test_wrong_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 2."""
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--slowly"])
    assert 2 == ended.value.code
    assert "--slowly" in capsys.readouterr().err
