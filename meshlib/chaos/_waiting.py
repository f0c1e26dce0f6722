"""
What waits in real time, where nobody says otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import anyio

from .._clock import Clock

Sleep = Callable[[float], None]
AsyncSleep = Callable[[float], Awaitable[None]]

real_sleep: Sleep = time.sleep  # noqa: TID251 -- runs are driven in real time by default
"""Blocks a thread for so many seconds."""


def sleep_of(clock: Clock) -> Sleep:
    """What waits by *clock*: its own `sleep`, if it has one."""
    sleep: Sleep = getattr(clock, "sleep", real_sleep)
    return sleep


def asleep_of(clock: Clock) -> AsyncSleep:
    """What a task waits with by *clock*: its own `asleep`, if it has one."""
    sleep: AsyncSleep = getattr(clock, "asleep", anyio.sleep)
    return sleep
