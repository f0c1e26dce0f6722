"""gunicorn, a server that forks, as a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .source import ROOT

_PATIENCE = 30.0
"""Seconds after which a wait is given up as hanging; a passing test never gets near it."""


class Gunicorn:
    """A running gunicorn; `log` is what it has written, complete once it was stopped."""

    def __init__(self, url: str, process: subprocess.Popen[str], log: Path) -> None:
        self.url = url
        self._process = process
        self._log = log

    @property
    def log(self) -> str:
        """Everything that it and its workers have written."""
        return self._log.read_text(encoding="utf-8")

    def stop(self) -> int:
        """Ask it to end, and wait for that; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_PATIENCE)


@contextmanager
def gunicorn_server(app: str, directory: Path, *options: str) -> Iterator[Gunicorn]:
    """Serve the object called `app` of the module whose source is *app*."""
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    (directory / "served.py").write_text(app, encoding="utf-8")
    log = directory / "gunicorn.log"
    # It listens before gunicorn does, so that nobody has to wait for that.
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("w") as output:
        command = [sys.executable, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}"]
        process = subprocess.Popen(
            [*command, "--no-control-socket", *options, "served:app"],
            cwd=directory,
            env={"PYTHONPATH": f"{ROOT}:{directory}", "PATH": "/usr/bin:/bin"},
            pass_fds=[listener.fileno()],
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        port = listener.getsockname()[1]
    server = Gunicorn(f"http://127.0.0.1:{port}", process, log)
    try:
        yield server
        assert 0 == server.stop(), server.log
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
