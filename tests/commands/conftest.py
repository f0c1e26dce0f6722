"""A document for the commands to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meshlib.__main__ import main

Ran = tuple[int, str, str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Write a file of the current directory; returns its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MESHLIB_ENV", raising=False)

    def write(text: str, name: str = "mesh.yaml") -> str:
        Path(name).write_text(text, encoding="utf-8")
        return name

    return write


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the program; returns its exit code, stdout and stderr."""

    def run(*arguments: str) -> Ran:
        try:
            code = main(arguments)
        except SystemExit as exc:
            code = int(str(exc.code))
        return (code, *capsys.readouterr())

    return run
