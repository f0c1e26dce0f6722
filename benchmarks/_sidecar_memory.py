"""
The resident memory of a client's process: run as a program, it prints that in MiB.

    python benchmarks/_sidecar_memory.py httpx URL ...
    python benchmarks/_sidecar_memory.py meshlib URL ...

Each makes its client, sends 200 requests, and looks at itself. What a mesh needs more than
httpx, its code included, is the price that a proxy's memory is to be compared with.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from _processes import memory_of
from _sidecar_proxies import MESH

CALLS = 200


def growth(upstreams: list[str]) -> dict[str, float]:
    """MiB of a process with each client, both measured now."""
    return {which: _measured(which, upstreams) for which in ("httpx", "meshlib")}


def _measured(which: str, upstreams: list[str]) -> float:
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), root])
    done = subprocess.run(
        [sys.executable, __file__, which, *upstreams],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return float(done.stdout)


def _client(which: str, upstreams: list[str]) -> None:
    if which == "httpx":
        import httpx

        with httpx.Client() as plain:
            for _ in range(CALLS):
                plain.get(upstreams[0] + "/").raise_for_status()
            print(memory_of(os.getpid()))
        return
    from meshlib import MeshClient

    with MeshClient("bench", services={"users": {"endpoints": upstreams, **MESH}}) as mesh:
        for _ in range(CALLS):
            mesh.get("http://users/").raise_for_status()
        print(memory_of(os.getpid()))


if __name__ == "__main__":
    _client(sys.argv[1], sys.argv[2:])
