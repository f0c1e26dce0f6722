"""Waking a task from any thread."""

from __future__ import annotations

import threading

import anyio
import pytest

from meshlib._bell import Bell


async def test_wakes_from_a_thread() -> None:
    """Who waits, and who waits later; several rings are one."""
    bell = Bell()
    threading.Thread(target=bell.ring).start()
    with anyio.fail_after(20):
        await bell.wait()
        bell.ring()
        bell.ring()
        await bell.wait()
    with anyio.move_on_after(0.01) as scope:
        await bell.wait()
    assert scope.cancelled_caught


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_ring_after_the_end_is_nothing(backend: str) -> None:
    """The loop is gone, and with it who waited."""

    async def make() -> Bell:
        return Bell()

    anyio.run(make, backend=backend).ring()
