"""The example with a real registry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.real.registry import Backend
from support.source import ROOT


def run(address: str) -> subprocess.CompletedProcess[str]:
    """Run the example with the registry at *address*."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "discover_registry.py")],
        env={**os.environ, "MESHLIB_REGISTRY": address},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_example_runs(tmp_path: Path) -> None:
    """It registers, finds itself, calls itself, and leaves nothing behind."""
    with Backend(tmp_path) as registry:
        done = run(registry.url)
        assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"
        assert "found and called: a\n" == done.stdout
        assert set() == registry.urls("greetings")
