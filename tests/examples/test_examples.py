"""Every example runs by itself, and is short enough to read at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.source import ROOT, none

EXAMPLES = sorted((ROOT / "examples").glob("[!_]*.py"))
ALONE = [path for path in EXAMPLES if not path.name.startswith("discover_")]
"""Those that need no server; tests/discovery runs the others against a real one of each kind."""

SHOWN = [*EXAMPLES, *sorted((ROOT / "examples").glob("[!_]*/[!_]*.py"))]
"""With the parts of examples that are folders, which another example or test runs."""


@pytest.mark.parametrize("example", ALONE, ids=lambda path: path.name)
def test_example_runs(example: Path, tmp_path: Path) -> None:
    """It ends well, without a network, an argument or a file of its own, and says something."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.strip()


def test_examples_are_short() -> None:
    """An example is under 40 lines and opens by saying what it shows."""
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in SHOWN}
    none(
        [
            f"{name}: {text.count(chr(10))} lines"
            for name, text in texts.items()
            if text.count("\n") >= 40
        ]
    )
    none([f"{name}: no docstring" for name, text in texts.items() if not text.startswith('"""')])


def test_examples_use_public_names_only() -> None:
    """What an example shows may be copied: it imports no private module."""
    none([path.name for path in SHOWN if "meshlib._" in path.read_text(encoding="utf-8")])


def test_there_are_examples() -> None:
    """Nothing is run when they are not found."""
    assert EXAMPLES
