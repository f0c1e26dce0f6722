"""`python -m meshlib validate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]
Write = Callable[..., str]

WRONG = "services:\n  users:\n    timeot: 3\nenvironments: {a: {}}\n"
OVERLAY = "services: {users: []}\nenvironments:\n  a: {}\n  b:\n    outside: dney\n"


def test_valid_document_says_so(write: Write, run: Run) -> None:
    """With the number of overlays that were looked at."""
    write("services: {users: []}\nenvironments: {a: {}, b: null}")
    write("name: x", "other.yaml")

    assert run("validate", "mesh.yaml", "other.yaml") == (
        0,
        "mesh.yaml: valid, with 2 overlays\nother.yaml: valid, with 0 overlays\n",
        "",
    )


def test_mistake_is_told_with_file_and_line(write: Write, run: Run) -> None:
    """On stderr, in the form that editors and CI follow."""
    write("name: x", "other.yaml")
    code, out, err = run("validate", write(WRONG), "other.yaml")

    assert code == 1
    assert out == "other.yaml: valid, with 0 overlays\n"
    assert (
        err == "mesh.yaml:3: services.users.timeot: unknown key 'timeot'; did you mean 'timeout'?\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("mesh.yaml", "a: [", "mesh.yaml:1: "),
        ("mesh.json", '{\n "name": }', "mesh.json:2: "),
        ("mesh.toml", "name = 'x'\nname = 'y'", "mesh.toml:2: "),
        ("mesh.toml", "[services.users]\ntimeot = 3", "mesh.toml:2: services.users.timeot: "),
        ("mesh.ini", "x", "mesh.ini: cannot tell the format"),
        ("mesh.yaml", "- x", "mesh.yaml: a mapping is needed"),
    ],
)
def test_syntax_error_has_its_line(name: str, text: str, said: str, write: Write, run: Run) -> None:
    """In every format."""
    code, out, err = run("validate", write(text, name))

    assert (code, out) == (1, "")
    assert err.startswith(said)


def test_overlays_are_looked_at(write: Write, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, or the one that is named; what the shell has set is no matter."""
    name = write(OVERLAY)
    monkeypatch.setenv("MESHLIB_ENV", "b")
    code, _, err = run("validate", name)

    assert code == 1
    assert err.startswith("mesh.yaml:5: environments.b.outside: 'dney' is not known")
    assert run("validate", "--env", "b", name)[0] == 1
    write(OVERLAY.replace("dney", "deny"))
    assert run("validate", "--env", "b", name) == (0, "mesh.yaml: valid, with 1 overlay\n", "")


def test_unset_variable_is_told(write: Write, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that needs it."""
    name = write("name: x\nzone: ${ZONE_OF_TEST}\n")
    code, _, err = run("validate", name)

    assert code == 1
    assert err.startswith("mesh.yaml:2: zone: the environment variable ZONE_OF_TEST is not set")
    monkeypatch.setenv("ZONE_OF_TEST", "z")
    assert run("validate", name)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.yaml"], "meshlib validate: none.yaml: no such file"),
        (["mesh.yaml", "none.yaml"], "none.yaml: no such file"),
        (["mesh.yaml", "--env", "x"], "no environment 'x'; there are: a, b"),
        ([], "FILE"),
    ],
)
def test_wrong_arguments_have_a_code_of_their_own(
    arguments: list[str], said: str, write: Write, run: Run
) -> None:
    """A file that is not there is no invalid document."""
    write(OVERLAY)
    code, out, err = run("validate", *arguments)

    assert (code, out) == (2, "")
    assert said in err


def test_result_as_json(write: Write, run: Run) -> None:
    """One object for each file, with every problem in it."""
    write("name: x", "other.yaml")
    code, out, err = run("validate", "--json", write(WRONG), "other.yaml")
    wrong, right = json.loads(out)

    assert (code, err) == (1, "")
    assert right == {"file": "other.yaml", "valid": True, "problems": []}
    assert (wrong["file"], wrong["valid"]) == ("mesh.yaml", False)
    (problem,) = wrong["problems"]
    expected: dict[str, Any] = {
        "file": "mesh.yaml",
        "line": 3,
        "column": 5,
        "path": "services.users.timeot",
        "message": "unknown key 'timeot'",
        "hint": "did you mean 'timeout'?",
    }
    assert expected == problem


def test_problem_without_a_line_is_json_too(write: Write, run: Run) -> None:
    """It has null for what is not known."""
    _, out, _ = run("validate", "--json", write("x", "mesh.ini"))

    assert json.loads(out)[0]["problems"][0]["line"] is None


def test_help_names_the_exit_codes(run: Run) -> None:
    """Scripts go by them."""
    code, out, _ = run("validate", "--help")

    assert code == 0
    assert "exit codes" in out
