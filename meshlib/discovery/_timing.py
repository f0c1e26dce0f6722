"""
The time and the chances that sources and registrations live by.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from .._clock import Clock, monotonic


@dataclass(frozen=True, slots=True)
class Timing:
    """
    A monotonic clock in seconds, a sleep, and a random generator; tests pass their own.
    """

    clock: Clock = monotonic
    sleep: Callable[[float], Awaitable[object]] = anyio.sleep
    rng: random.Random = field(default_factory=random.Random)

    async def pause(self, seconds: float, jitter: float = 0.0) -> None:
        """Wait for *seconds*, and at random for up to the share *jitter* of them longer."""
        await self.sleep(seconds * (1.0 + jitter * self.rng.random()))
