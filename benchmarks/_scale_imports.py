"""
What importing meshlib takes, beside httpx: new interpreters in turns, in CPU time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

NO_REST = "import sys; sys.modules['rich'] = sys.modules['click'] = None\n"
"""httpx imports both for its command line where they happen to be installed."""

CLIENT = "MeshClient(services={'users': {'endpoints': ['http://127.0.0.1:1']}})"
PROGRAMS = {
    "nothing": "",
    "import httpx": "import httpx",
    "import meshlib": "import meshlib",
    "from meshlib import MeshClient": "from meshlib import MeshClient",
    "from meshlib import AsyncMeshClient": "from meshlib import AsyncMeshClient",
    "to an httpx.Client": "import httpx; httpx.Client()",
    "to a MeshClient of one service": f"from meshlib import MeshClient; {CLIENT}",
}


def cpu_of_program(code: str) -> float:
    """Seconds of processor that a new interpreter takes for *code*."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SSL_CERT")}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
    process = subprocess.Popen([sys.executable, "-c", NO_REST + code], env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{code!r} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def imports(rounds: int) -> dict[str, dict[str, float]]:
    """By program: its median in milliseconds, and how many times `import httpx` it takes."""
    samples: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for turn in range(rounds + (rounds > 1)):
        for name in list(PROGRAMS) if turn % 2 else reversed(PROGRAMS):
            seconds = cpu_of_program(PROGRAMS[name])
            if turn or rounds < 2:  # the first writes what is compiled to disk
                samples[name].append(seconds)
    bare, base = samples["nothing"], samples["import httpx"]
    return {
        name: {
            "ms": statistics.median(n - b for n, b in zip(own, bare, strict=True)) * 1e3,
            "ratio": statistics.median(
                (n - b) / (h - b) for n, b, h in zip(own, bare, base, strict=True)
            ),
        }
        for name, own in samples.items()
        if name != "nothing"
    }
