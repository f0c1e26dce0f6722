"""The example runs against a real agent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.real.consul import ConsulAgent
from support.source import ROOT


def test_example_runs(tmp_path: Path) -> None:
    """It finds what it registers, and leaves nothing behind."""
    with ConsulAgent(tmp_path) as agent:
        done = subprocess.run(
            [sys.executable, "-W", "error", str(ROOT / "examples" / "discover_consul.py")],
            cwd=tmp_path,
            env={**os.environ, "CONSUL_HTTP_ADDR": agent.url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"
        assert "found and called: ['a', 'b']\ncalled from then on: b\n" == done.stdout
        assert [] == agent.get("/health/service/meshlib-example")
