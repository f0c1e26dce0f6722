"""`python -m meshlib lint`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

Run = Callable[..., tuple[int, str, str]]
Write = Callable[..., str]

LATE = "defaults:\n  attempt_timeout: 20s\n"


def test_nothing_found_is_said_by_silence(write: Write, run: Run) -> None:
    """As linters do."""
    assert run("lint", write("services: {users: ['http://a']}")) == (0, "", "")


def test_finding_has_file_line_rule_and_remedy(write: Write, run: Run) -> None:
    """One line each."""
    code, out, err = run("lint", write(LATE))

    assert (code, err) == (1, "")
    assert out.count("\n") == 1
    assert out.startswith("mesh.yaml:2: warning ML002: defaults.attempt_timeout: ")
    assert out.endswith("; attempt_timeout: 5, or leave it out\n")


def test_information_does_not_fail_a_build(write: Write, run: Run) -> None:
    """It is written all the same."""
    code, out, _ = run("lint", write("defaults: {timeout: null}"))

    assert code == 0
    assert " info ML012: " in out


def test_invalid_document_is_a_finding(write: Write, run: Run) -> None:
    """With its line."""
    code, out, _ = run("lint", write("services:\n  users: {timeot: 3}\n"))

    assert code == 1
    assert out.startswith("mesh.yaml:2: error ML000: services.users.timeot: unknown key")


def test_overlays_are_looked_at(write: Write, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they change, and not what was found without them."""
    name = write(
        LATE + "faults: [{name: f, abort: {status: 503}}]\n"
        "fault_control: {environments: [production], kill_file: /run/off}\n"
        "environments:\n  staging: {}\n  production:\n    defaults: {timeout: 5s, retry: false}\n"
    )
    monkeypatch.setenv("MESHLIB_ENV", "production")
    _, out, _ = run("lint", name)
    first, second = out.splitlines()

    assert "ML002" in first
    assert "15 s" in first
    assert "ML303" in second
    assert second.endswith("(in the environment production)")
    _, out, _ = run("lint", name, "--env", "production")
    assert [line.split()[2].strip(":") for line in out.splitlines()] == ["ML002", "ML303"]
    assert "5 s of the whole call" in out
    assert "ML303" not in run("lint", name, "--env", "staging")[1]


def test_rate_and_hops_are_taken(write: Write, run: Run) -> None:
    """What was observed is judged, in any case of the service's name."""
    name = write("defaults: {retry: {budget: {ratio: 0.2}}}\nservices: {users: ['http://a']}")

    assert run("lint", name)[0] == 0
    assert "ML101" in run("lint", name, "--rate", "Users=1.5")[1]
    assert run("lint", name, "--rate", "users=2")[0] == 0
    assert "ML005" in run("lint", name, "--hops", "4")[1]


def test_findings_as_json(write: Write, run: Run) -> None:
    """With everything that a line has."""
    code, out, _ = run("lint", "--json", write(LATE))
    (finding,) = json.loads(out)
    message = finding.pop("message")

    assert code == 1
    assert "15 s" in message
    assert finding == {
        "rule": "ML002",
        "severity": "warning",
        "file": "mesh.yaml",
        "line": 2,
        "column": 3,
        "path": "defaults.attempt_timeout",
        "environment": None,
        "remedy": "attempt_timeout: 5, or leave it out",
    }
    assert run("lint", "--json", write("{}"))[1].strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.yaml"], "meshlib lint: none.yaml: no such file"),
        (["mesh.yaml", "--env", "x"], "no environment 'x'; there are: none"),
        (["mesh.yaml", "--rate", "users"], "'users' is not a service and a rate"),
        (["mesh.yaml", "--rate", "=5"], "is not a service and a rate"),
        (["mesh.yaml", "--rate", "users=nan"], "is not a service and a rate"),
        (["mesh.yaml", "--rate", "users=-1"], "is not a service and a rate"),
        (["mesh.yaml", "--hops", "0"], "not a number of hops"),
        (["mesh.yaml", "--hops", "x"], "not a number of hops"),
        ([], "FILE"),
    ],
)
def test_wrong_arguments_have_a_code_of_their_own(
    arguments: list[str], said: str, write: Write, run: Run
) -> None:
    """They are no findings."""
    write(LATE)
    code, out, err = run("lint", *arguments)

    assert (code, out) == (2, "")
    assert said in err
