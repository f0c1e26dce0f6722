"""The example runs against a real etcd."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.real.etcd import Member
from support.source import ROOT


def test_example_runs(tmp_path: Path) -> None:
    """It finds what it registers, and notices who leaves."""
    with Member(tmp_path) as etcd:
        done = subprocess.run(
            [sys.executable, "-W", "error", str(ROOT / "examples" / "discover_etcd.py")],
            env={**os.environ, "ETCDCTL_ENDPOINTS": etcd.url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (0, "") == (done.returncode, done.stderr)
        assert "found and called: ['a', 'b']\ncalled from then on: b\n" == done.stdout
        assert [] == etcd.keys("/example/services/")
