"""The example runs against a real daemon."""

from __future__ import annotations

import os
import subprocess
import sys

from support import ServerProcess
from support.real.docker import Docker
from support.source import ROOT


def test_example_runs(docker: Docker) -> None:
    """It calls a container that it finds, and notices the one that goes."""
    with ServerProcess("a") as a, ServerProcess("b") as b:
        leaving, _ = (
            docker.create(
                {
                    "meshlib.service": "users",
                    "meshlib.port": one.url.rpartition(":")[2],
                    "meshlib.metadata.zone": zone,
                }
            )
            for one, zone in ((a, "x"), (b, "y"))
        )
        with subprocess.Popen(
            [sys.executable, "-W", "error", str(ROOT / "examples" / "discover_docker.py")],
            env={**os.environ, "DOCKER_HOST": docker.address, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdout is not None
            called = running.stdout.readline()
            found = {running.stdout.readline() for _ in range(2)}
            docker.remove_container(leaving)
            output, errors = running.communicate(timeout=60)
    assert (0, "") == (running.returncode, errors)
    assert {f"found: {a.url} {{'zone': 'x'}}\n", f"found: {b.url} {{'zone': 'y'}}\n"} == found
    assert called in (f"called: {a.url}\n", f"called: {b.url}\n")
    assert f"gone: {a.url}\n" == output
