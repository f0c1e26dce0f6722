"""The example runs against a real name server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support import ServerProcess
from support.real.dns import ZONE, Backend
from support.source import ROOT


def test_example_runs(tmp_path: Path) -> None:
    """It calls what the records lead to, and shows what they say."""
    with Backend(tmp_path) as server, ServerProcess("a") as replica:
        server.put("users", replica.url, weight=5)
        done = subprocess.run(
            [sys.executable, "-W", "error", str(ROOT / "examples" / "discover_dns.py")],
            env={
                **os.environ,
                "DNS_SERVERS": server.address,
                "USERS_NAME": f"_http._tcp.{{service}}.{ZONE}",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (0, "") == (done.returncode, done.stderr)
    port = replica.url.rpartition(":")[2]
    first, second = done.stdout.splitlines()
    assert first.startswith("200 ")
    assert f"{replica.url} 5.0 0 host-127-0-0-1-{port}.{ZONE}" == second
