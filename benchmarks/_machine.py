"""
Where a report was made: the machine, Python, and the versions of what took part.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from _sidecar_proxies import envoy_binary, haproxy_binary, version_of

LIBRARIES = (
    "httpx", "httpcore", "httpx2", "httpcore2", "aiohttp", "httpx-aiohttp", "pyqwest", "h11",
    "h2", "anyio", "sniffio", "pydantic", "opentelemetry-api", "tenacity", "stamina",
    "httpx-retries", "pybreaker", "pyresilience", "uvicorn", "uvloop", "starlette", "flask",
    "waitress",
)  # fmt: skip


def facts() -> dict[str, Any]:
    """As JSON has them."""
    release = platform.release().partition("-")[0]
    return {
        "day": dt.datetime.now(dt.UTC).date().isoformat(),
        "system": f"{platform.system()} {release} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory": _memory(),
        "python": f"{platform.python_implementation()} {platform.python_version()}"
        + ("" if getattr(sys, "_is_gil_enabled", lambda: True)() else ", free-threaded"),
        "libraries": {name: found for name in LIBRARIES if (found := _library(name))},
        "servers": _servers(),
    }


def _library(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def _memory() -> str:
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return "unknown"
    return f"{pages / 2**30:.0f} GiB"


def _servers() -> dict[str, str]:
    found = {}
    for name, binary in {"Envoy": envoy_binary(), "HAProxy": haproxy_binary()}.items():
        if binary:
            found[name] = version_of(binary)
    nginx = shutil.which("nginx")
    if nginx:
        done = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False)
        found["nginx"] = done.stderr.rpartition("/")[2].split()[0]
    return found


def lines_of(machine: dict[str, Any]) -> list[tuple[str, str]]:
    """For people."""
    return [
        ("Day", machine["day"]),
        ("Machine", f"{machine['cores']} cores of {machine['processor']}, {machine['memory']}"),
        ("System", machine["system"]),
        ("Python", machine["python"]),
        *(
            (kind.capitalize(), ", ".join(f"{what} {it}" for what, it in machine[kind].items()))
            for kind in ("libraries", "servers")
        ),
    ]
