"""Waiting by a clock: where it keeps time itself, by it, and else by the machine's."""

from __future__ import annotations

import threading

import anyio

from .._clock import Clock
from .._surroundings import Timekeeper


def pause(clock: Clock, seconds: float) -> None:
    """Block this thread for *seconds*."""
    if isinstance(clock, Timekeeper):
        clock.sleep(seconds)
    elif seconds > 0:
        threading.Event().wait(None if seconds == float("inf") else seconds)


async def apause(clock: Clock, seconds: float) -> None:
    """Suspend this task for *seconds*."""
    if isinstance(clock, Timekeeper):
        await clock.asleep(seconds)
    else:
        await anyio.sleep(seconds)
