"""What the linter makes of what the rules tell."""

from __future__ import annotations

from pathlib import Path

from meshlib.config import Finding, lint, load_config


def test_finding_reads_as_a_line() -> None:
    """File, line, severity, rule, place, message and remedy; without a file none is named."""
    (finding,) = lint({"defaults": {"attempt_timeout": 20}}, environ={})

    assert isinstance(finding, Finding)
    assert finding.path == "defaults.attempt_timeout"
    assert finding.location is None
    assert str(finding).startswith("warning ML002: defaults.attempt_timeout: attempt_timeout 20 s")
    assert str(finding).endswith("; attempt_timeout: 5, or leave it out")


def test_configuration_that_is_loaded_keeps_its_lines(tmp_path: Path) -> None:
    """Of its file, and of the overlay that is in it."""
    path = tmp_path / "mesh.yaml"
    path.write_text("defaults: {timeout: 3s}\nenvironments:\n  x:\n    defaults: {timeout: null}\n")
    (finding,) = lint(load_config(path, environ={"MESHLIB_ENV": "x"}))

    assert f"{path}:4" == str(finding.location)
    assert finding.rule == "ML012"
    assert lint(load_config(path, environ={})) == ()


def test_findings_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Whatever the order of the rules."""
    path = tmp_path / "mesh.toml"
    path.write_text(
        "[services.b]\nhedge = {max_hedges = 5}\n[services.a]\nattempt_timeout = '20s'\n"
    )
    assert [f.location.line for f in lint(path, environ={}) if f.location is not None] == [2, 4]


def test_what_is_invalid_is_a_finding(tmp_path: Path) -> None:
    """Each mistake, and nothing else is looked at."""
    path = tmp_path / "mesh.yaml"
    path.write_text(
        "defaults: {attempt_timeout: 20s}\nservices:\n"
        "  a: {timeot: 3}\n"
        "  b:\n    routes:\n"
        "      - split: [{subset: {v: '1'}, weight: 0}]\n"
    )
    findings = lint(path, environ={})

    assert [finding.rule for finding in findings] == ["ML000", "ML000"]
    assert [f.location.line for f in findings if f.location is not None] == [3, 6]
    assert findings[0].remedy == "did you mean 'timeout'?"
    assert "weights sum to 0" in findings[1].message
    assert findings[0].severity == "error"


def test_comment_silences_a_rule(tmp_path: Path) -> None:
    """There, and that one alone; an error of the document cannot be silenced."""
    path = tmp_path / "mesh.yaml"
    text = "services:\n  a:\n    attempt_timeout: 20s{}\n  b:\n    attempt_timeout: 20s\n"

    path.write_text(text.format("  # meshlib: ignore ML002"))
    assert [each.path for each in lint(path, environ={})] == ["services.b.attempt_timeout"]
    path.write_text(text.format("  # meshlib: ignore ML001"))
    assert len(lint(path, environ={})) == 2
    path.write_text(text.format("\n    timeot: 3  # meshlib: ignore ML000"))
    assert [each.rule for each in lint(path, environ={})] == ["ML000"]
