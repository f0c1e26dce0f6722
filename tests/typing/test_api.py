"""The types of the public interface are what users may rely on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.source import ROOT


def test_strict_checker_accepts_what_users_write() -> None:
    """mypy, as strict as it can be, finds nothing in either file, nor a needless ignore."""
    files = [str(Path(__file__).with_name(name)) for name in ("api.py", "api_httpx2.py")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"
