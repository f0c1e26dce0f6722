"""Server programs that a test starts, kills, and starts again at the same address."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pytest

_PATIENCE = 60.0
"""Seconds after which a wait is given up as hanging; a passing test never gets near it."""
_POLL = 0.02
_GIVEN: set[int] = set()


def find_program(name: str, variable: str, *also: str) -> str:
    """
    The path of the program *name*: what *variable* says, or the first of the PATH and *also*.

    Skips the test, and says what to install, when there is none.
    """
    chosen = os.environ.get(variable) or shutil.which(name)
    for path in also:
        chosen = chosen or shutil.which(path)
    if not chosen or not os.access(chosen, os.X_OK):
        pytest.skip(f"{name} is not installed; {variable} may name its program")
    return chosen


_WORKERS = 16
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
"""Processes that run tests side by side, each with ports of its own."""


def free_port(*, kind: int = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """
    A port that nobody uses at the moment.

    It is below those that the system gives to connections, one of which could take it
    before the server has started, or while it is down. None is given twice.
    """
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(12_000 + _WORKER, 32_000, _WORKERS)
        if port in _GIVEN:
            continue
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _GIVEN.add(port)
        return port


def wait_until(what: str, condition: Callable[[], bool], patience: float = _PATIENCE) -> None:
    """Look every few milliseconds until *condition* holds; fails the test when it never does."""
    never = threading.Event()
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return
        never.wait(_POLL)
    pytest.fail(f"waited {patience} s in vain: {what}")


class Program:
    """
    A server as a process of its own, which writes what it says to *log*.

    *ready* is asked until it is true; what it raises of OSError kind counts as no.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        ready: Callable[[], bool],
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._arguments = list(arguments)
        self._ready = ready
        self._log = log
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process, which must have been started."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        assert self._process is None
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                start_new_session=True,
            )

        def up() -> bool:
            if process.poll() is not None:
                tail = self._log.read_text(errors="replace")[-2000:]
                pytest.fail(f"{self._arguments[0]} ended with {process.returncode}:\n{tail}")
            try:
                return self._ready()
            except OSError:
                return False

        try:
            wait_until(f"{self._arguments[0]} is ready", up)
        except BaseException:
            self.kill()
            raise

    def has_ended(self) -> bool:
        """Whether it has ended by itself, or was never started."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """End it without a chance to say goodbye. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ask it to end, and kill it when it does not. Idempotent."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10.0)
            except subprocess.TimeoutExpired:
                pass
            self.kill()

    def freeze(self) -> None:
        """Let it accept connections and never answer, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        os.kill(self.pid, signal.SIGCONT)
