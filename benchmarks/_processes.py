"""
What the benchmarks know about other processes: where they run, and what they have used.

Linux only; elsewhere nothing is pinned, and psutil, if it is there, tells what was used.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

_HAS_SCHEDSTAT = os.path.exists("/proc/self/schedstat")


def cpu_of(pid: int) -> float:
    """The CPU time of a process so far, of all its threads, in seconds."""
    if not _HAS_SCHEDSTAT:
        import psutil

        used = psutil.Process(pid).cpu_times()
        return float(used.user + used.system)
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with (
            contextlib.suppress(FileNotFoundError),  # a thread that has just ended
            open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file,
        ):
            total += int(file.read().split()[0])  # in nanoseconds
    return total / 1e9


def memory_of(pid: int) -> float:
    """The resident memory of a process, in MiB."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except FileNotFoundError:
        import psutil

        return float(psutil.Process(pid).memory_info().rss) / 2**20


def end(process: subprocess.Popen[bytes]) -> None:
    """End a child: ask it, and do not wait for long."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@contextlib.contextmanager
def others_elsewhere() -> Iterator[bool]:
    """
    What is started within runs on all processors but the first, which is this process's.

    So a server never takes the processor of the client that is measured. Gives whether that
    is so: on a single processor, and where processes cannot be pinned, nothing is done.
    After the block this process runs on the first one; `back_anywhere` ends that.
    """
    mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(mine) < 2:
        yield False
        return
    os.sched_setaffinity(0, mine[1:])
    try:
        yield True
    finally:
        os.sched_setaffinity(0, mine[:1])


@contextlib.contextmanager
def back_anywhere() -> Iterator[None]:
    """After the block this process may run where it could before."""
    if not hasattr(os, "sched_getaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
