"""
What must not grow: a process looked at while nothing is in flight.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import threading
import time
from collections import Counter
from typing import Any

from _processes import memory_of
from _soak_load import Load

WAIT = 5.0
"""Seconds for what ends by itself after the last call: losers of hedges in threads, copies."""
SETTLE = 0.2
"""Seconds for loops to close what was collected."""


def descriptors() -> int:
    """Open descriptors of this process; -1 where nobody tells."""
    try:
        return len(os.listdir("/proc/self/fd")) - 1
    except OSError:
        return -1


def held(mesh: Any) -> dict[str, int]:
    """Permits of all policies that somebody still has, by what they are."""
    found: Counter[str] = Counter()
    now = mesh.clock()
    for service in mesh.directory.everything():
        found["bulkhead"] += service.bulkhead.in_flight
        found["queued"] += service.bulkhead.queued
        targets, left = service.counted()
        for target in (*targets, *left.draining):
            found["in flight"] += target.load.in_flight
            found["probes"] += target.breaker.snapshot(now).probes
    return {name: number for name, number in found.items() if number}


def connections(load: Load) -> tuple[int, int]:
    """Of all clients: those that are open, and those that carry nothing."""
    wires = [client._transport._wire for client in (*load.clients, *load.async_clients)]
    stacks = [stack for wire in wires for stack in (*wire._stacks.values(), *wire._retired)]
    shared = [link for stack in stacks for link in getattr(stack, "shared", ())]
    idle = sum(wire.idle_count for wire in wires)
    quiet = sum(link.http.is_idle() and not link.exchanges for link in shared)
    return sum(wire.open_count for wire in wires), idle + quiet


def trim() -> None:
    """Have the allocator give back what is free: how much it keeps is chance, not growth."""
    with contextlib.suppress(AttributeError, OSError):  # glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def sample(load: Load, began: float) -> dict[str, Any]:
    """Look, once all calls have ended; *load* is paused."""
    quiet = load.pause()
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        waits = [thread for thread in threading.enumerate() if thread.name == "meshlib-hedge"]
        if not waits and not held(load.mesh):
            break
        time.sleep(0.02)
    gc.collect()
    time.sleep(SETTLE)
    trim()
    opened, idle = connections(load)
    seen = {
        "at": time.monotonic() - began,
        "calls": sum(load.counts.values()),
        "quiet": quiet,
        "memory": memory_of(os.getpid()),
        "descriptors": descriptors(),
        "connections": opened,
        "busy connections": opened - idle,
        "threads": threading.active_count(),
        "tasks": load.tasks,
        "held": held(load.mesh),
        "objects": len(gc.get_objects()),
        "types": dict(Counter(type(each).__name__ for each in gc.get_objects()).most_common(60)),
    }
    load.go_on()
    return seen
