"""The page about the linter shows the rules that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshlib.config import lint
from meshlib.config.linting import RULES
from support.blocks import blocks
from support.source import ROOT


def test_table_of_rules_is_that_of_the_code() -> None:
    """Each with its severity and what it finds, in order."""
    page = (ROOT / "docs/how-to/validate-and-lint.md").read_text(encoding="utf-8")
    shown = [line for line in page.splitlines() if line.startswith("| `ML")]

    assert [f"| `{rule.name}` | {rule.severity} | {rule.title} |" for rule in RULES] == shown


def test_findings_on_the_page_are_those_of_its_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the page prints is what a reader gets."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/how-to/validate-and-lint.md").read_text(encoding="utf-8")
    document = next(block for block in blocks(page) if block.title == "mesh.yaml")
    Path("mesh.yaml").write_text(document.text, encoding="utf-8")
    printed = [block.text for block in blocks(page) if block.language == "text"]

    assert "".join(f"{finding}\n" for finding in lint("mesh.yaml", environ={})) in printed
