"""Checks by a program."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from support.checks import Checks, checked
from support.real import wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="commands are checked on POSIX")
URL = "http://127.0.0.1:8080/api"


async def command(program: str, timeout: float = 20.0, **options: Any) -> str | None:
    """The result of one check by a program in Python."""
    return await checked(URL, timeout=timeout, command=[sys.executable, "-c", program], **options)


async def test_ends_with_0() -> None:
    """Whatever it writes."""
    assert await command("print('fit' * 100000)") is None
    assert await checked(URL, command="true") is None


async def test_ends_with_anything_else() -> None:
    """The reason is the last line of its standard error, if it has one."""
    assert "the command ended with 3" == await command("raise SystemExit(3)")
    program = "import sys; print('x\\n' * 9999, 'no disk', file=sys.stderr); sys.exit(1)"
    assert "the command ended with 1: no disk" == await command(program)
    assert "the command ended with -9" == await command(
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )


async def test_runs_beside_the_main_thread(anyio_backend: str) -> None:
    """As in the thread of a mesh's background loop."""
    results = []

    def run() -> None:
        results.append(anyio.run(command, "raise SystemExit(3)", backend=anyio_backend))

    await anyio.to_thread.run_sync(run)
    assert ["the command ended with 3"] == results


async def test_credentials_are_not_told() -> None:
    """As far as they can be told from other words."""
    program = "raise SystemExit('http://me:hunter2@db/?password=abc')"
    reason = await command(program)
    assert reason is not None
    assert reason.startswith("the command ended with 1: http://REDACTED")
    assert "hunter2" not in reason
    assert "abc" not in reason


async def test_finds_the_endpoint_in_its_environment() -> None:
    """Beside what the process itself has; another port is one there too."""
    names = ("URL", "HOST", "PORT")
    program = (
        "import os, sys; sys.exit(' '.join([os.environ['MESHLIB_ENDPOINT_' + name] for name in "
        f"{names}] + [str('PATH' in os.environ)]))"
    )
    told = "the command ended with 1: "
    assert f"{told}{URL} 127.0.0.1 8080 True" == await command(program)
    assert f"{told}{URL} 127.0.0.1 9000 True" == await command(program, port=9000)


async def test_a_program_that_does_not_exist() -> None:
    """It fails each check, and says why."""
    assert "cannot run nowhere-to-be-found: No such file or directory" == await checked(
        URL, command="nowhere-to-be-found"
    )


async def test_a_hung_program_ends_with_the_timeout() -> None:
    """Its own plans do not matter."""
    reason = await checked(URL, timeout=0.2, command=["sleep", "60"])
    assert "no result after 0.2 s, while running the command" == reason


async def test_what_a_hung_program_started_is_killed_too(tmp_path: Path) -> None:
    """Though it would not end when asked to."""
    told = tmp_path / "pids"
    program = (
        "import os, subprocess, sys, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']);"
        f"open({str(told)!r} + '.new', 'w').write(f'{{os.getpid()}} {{child.pid}}');"
        f"os.rename({str(told)!r} + '.new', {str(told)!r}); signal.pause()"
    )

    async def end_time(checks: Checks) -> None:
        await anyio.to_thread.run_sync(wait_until, "it has started", told.exists)
        checks.crew._scopes[checks.entry].cancel()

    command = [sys.executable, "-c", program]
    async with Checks(URL, command=command) as checks, anyio.create_task_group() as group:
        group.start_soon(end_time, checks)
        assert "no result after 20 s, while running the command" == await checks()
    parent, child = map(int, told.read_text().split())
    assert not alive(parent)
    wait_until("the child is dead", lambda: not alive(child))


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def test_a_program_may_leave_something_behind() -> None:
    """What it started and did not wait for neither holds the check up nor is killed."""
    reason = await checked(URL, command=["sh", "-c", "sleep 60 & echo $! >&2; exit 1"])
    assert reason is not None
    pid = int(reason.removeprefix("the command ended with 1: "))
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
