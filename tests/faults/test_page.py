"""The tables of the page on faults, which readers copy from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from meshlib.faults import ERROR_NAMES, FaultRule
from support.source import ROOT

PAGE = (ROOT / "docs" / "how-to" / "faults.md").read_text(encoding="utf-8")
ENOUGH: dict[str, Any] = {"abort": {"status": 500}}


def snippets() -> Iterator[str]:
    """What the second columns show; a value alone is one of the key before it."""
    for cell in re.findall(r"^\| [^|-][^|]* \| (`.+) \|$", PAGE, re.MULTILINE):
        key = ""
        for span in re.findall(r"`([^`]+)`", cell):
            if span.startswith("{"):
                yield f"{key}: {span}"
            elif ": " in span:
                key = span.partition(":")[0]
                yield span


@pytest.mark.parametrize("snippet", [*snippets()])
def test_what_the_page_shows_is_valid(snippet: str) -> None:
    """Each is a part of a rule, but for settings that belong to the part before them."""
    said = yaml.safe_load(snippet)
    (key,) = said
    if key == "silent":
        said = {"response": {"truncate": 1, **said}}
    elif key == "remove":
        said = {"response": {"corrupt": {"field": {"path": "a", **said}}}}
    rule = FaultRule.model_validate({"name": "r", **ENOUGH, **said})
    assert rule.model_fields_set - {"name", "abort"} or key == "abort"


def test_the_page_shows_the_whole_vocabulary() -> None:
    """Every part of a rule, and every error."""
    shown = "\n".join(snippets())
    parts = set(FaultRule.model_fields) - {"name", "enabled", "phase", "seed", "keyed"}
    assert set() == {part for part in parts if f"{part}:" not in shown}
    assert set() == {name for name in ERROR_NAMES if f"`{name}`" not in PAGE}
