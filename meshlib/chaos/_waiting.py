"""
What waits in real time, where nobody says otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from .. import _clock
from .._clock import Clock

Sleep = Callable[[float], object]
AsyncSleep = Callable[[float], Awaitable[None]]

real_sleep: Sleep = _clock.sleep
"""Blocks a thread for so many seconds; runs are driven in real time by default."""


def sleep_of(clock: Clock) -> Sleep:
    """What waits by *clock*: its own `sleep`, if it has one."""
    sleep: Sleep = getattr(clock, "sleep", real_sleep)
    return sleep


def asleep_of(clock: Clock) -> AsyncSleep:
    """What a task waits with by *clock*: its own `asleep`, if it has one."""
    sleep: AsyncSleep = getattr(clock, "asleep", anyio.sleep)
    return sleep
