"""`python -m meshlib schema`."""

from __future__ import annotations

import json
from collections.abc import Callable

from meshlib.config import json_schema
from support.source import ROOT


def test_schema_is_printed(run: Callable[..., tuple[int, str, str]]) -> None:
    """Exactly as it is published."""
    code, out, err = run("schema")

    assert (code, err) == (0, "")
    assert json_schema() == json.loads(out)
    assert (ROOT / "docs/reference/mesh.schema.json").read_text(encoding="utf-8") == out
