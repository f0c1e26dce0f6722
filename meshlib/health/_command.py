"""
A check by a program.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from typing import IO

import anyio
from anyio.abc import Process

from .._models import Endpoint
from ._checker import CheckFailedError
from ._place import place_of

_TOLD = 1000
"""Bytes of what the program wrote to its standard error that are read, from its end."""


class CommandChecker:
    """
    Runs a program; when the time is over, it is killed with all that it has started.

    What it writes to its standard output is thrown away; the last line of its standard
    error says why it failed.
    """

    def __init__(self, command: tuple[str, ...], *, port: int | None) -> None:
        self.stage = ""
        self._command = command
        self._port = port

    async def check(self, endpoint: Endpoint) -> None:
        """Pass when the program ends with 0."""
        self.stage = "running the command"
        place = place_of(endpoint, port=self._port)
        env = {
            **os.environ,
            "MESHLIB_ENDPOINT_URL": endpoint.url,
            "MESHLIB_ENDPOINT_HOST": place.host,
            "MESHLIB_ENDPOINT_PORT": str(place.port),
        }
        # A file, not a pipe: a pipe may be held open by what the program leaves behind.
        with tempfile.TemporaryFile() as errors:
            try:
                process = await anyio.open_process(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env=env,
                    start_new_session=True,
                )
            except OSError as exc:
                raise CheckFailedError(f"cannot run {self._command[0]}: {exc.strerror}") from exc
            try:
                code = await process.wait()
            finally:
                await _end(process)
            if code:
                raise CheckFailedError(f"the command ended with {code}{_last_line(errors)}")

    async def aclose(self) -> None:
        """There is nothing to close."""


async def _end(process: Process) -> None:
    """Kill the process and its group unless it has ended, and reap it."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                # Its session, and so its group, has the number of the process, which nobody
                # else can get before it is reaped.
                os.killpg(process.pid, signal.SIGKILL)
        await process.aclose()


def _last_line(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _TOLD))
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return f": {lines[-1].strip()}" if lines else ""
