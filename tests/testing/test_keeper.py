"""When time may pass: what a look at the threads proves, and what rounding does to a wait."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import random
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from meshlib.testing import VirtualTime, _keeper

_WAITS = 200
_UPTIME = 3.0e7
"""Seconds; a loop that has run for a year has a clock of few digits behind the point."""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Instants of the looks, between two of which the machine has stood still for a minute."""
    seen: list[float] = []
    instants = itertools.count(0.0, 60.0)

    def monotonic() -> float:
        seen.append(next(instants))
        return seen[-1]

    monkeypatch.setattr(_keeper, "monotonic", monotonic)
    return seen


@pytest.mark.parametrize(("name", "least"), [("somebody", 5), ("meshlib-users", 50)])
def test_a_machine_that_stood_still_proves_nothing(
    looks: list[float], name: str, least: int
) -> None:
    """Threads have to be seen standing still again and again, those of a mesh for longer."""
    over = threading.Event()
    other = threading.Thread(target=over.wait, name=name)
    other.start()
    try:
        with VirtualTime() as virtual:
            virtual.sleep(1.0)
            assert 1.0 == virtual.elapsed
            first = len(looks)
            virtual.sleep(1.0)
    finally:
        over.set()
        other.join()
    assert least <= first
    assert 5 <= len(looks) - first < 50, "it is known to stand where it stands"


def test_a_thread_that_imports_is_not_standing_still(
    looks: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk may be slow; but there is an end to that."""
    began, over = threading.Event(), threading.Event()
    disk: Any = SimpleNamespace(began=began, over=over)
    monkeypatch.setitem(sys.modules, "slow_disk", disk)
    (tmp_path / "slow_to_import.py").write_text(
        "import slow_disk\nslow_disk.began.set()\nslow_disk.over.wait()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    other = threading.Thread(target=importlib.import_module, args=["slow_to_import"])
    other.start()
    try:
        assert began.wait(30)
        with VirtualTime() as virtual:
            virtual.sleep(1.0)
    finally:
        over.set()
        other.join()
    assert 2000 <= len(looks) < 2500


async def test_a_wait_for_an_instant_ends_after_it(anyio_backend: str) -> None:
    """Or what is left of it is too short for the loop to notice, and never passes."""
    if anyio_backend == "asyncio":
        loop = asyncio.get_running_loop()
        real = loop.time
        loop.time = lambda: real() + _UPTIME  # type: ignore[method-assign]  # as if long up
    rng = random.Random(7)
    with VirtualTime(start=1000.0 + rng.random()) as virtual:
        virtual.keep()
        for _ in range(_WAITS):
            due = virtual() + rng.random()
            waits = 0
            while (left := due - virtual()) > 0:
                with anyio.move_on_after(left):
                    await anyio.sleep_forever()
                waits += 1
                assert waits < 3, left
            assert virtual() - due < 1e-6
