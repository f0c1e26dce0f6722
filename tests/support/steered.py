"""Sources, consumers and time that do what a test says, for sources made of others."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import anyio
import anyio.abc
import anyio.lowlevel

from meshlib.discovery._timing import Timing


class Time:
    """Virtual time: a sleeper sleeps until the test has let enough of it pass."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self._sleepers: list[tuple[float, anyio.Event]] = []

    def __call__(self) -> float:
        """The instant."""
        return self.now

    @property
    def timing(self) -> Timing:
        """What a source takes as `_timing`."""
        return Timing(clock=self, sleep=self.sleep, rng=random.Random(1))

    async def sleep(self, seconds: float) -> None:
        """Wait until *seconds* have passed."""
        sleeper = (self.now + seconds, anyio.Event())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1].wait()
        finally:
            self._sleepers.remove(sleeper)

    @property
    def next(self) -> float:
        """Seconds until the first sleeper wakes; infinite when nobody sleeps."""
        return min((due for due, _ in self._sleepers), default=math.inf) - self.now

    async def advance(self, seconds: float) -> None:
        """Let *seconds* pass, one sleeper after the other, until everybody waits again."""
        await settle()
        end = self.now + seconds
        while (due := self.now + self.next) <= end:
            self.now = max(self.now, due)
            for instant, event in self._sleepers:
                if instant <= self.now:
                    event.set()
            await settle()
        self.now = end


async def settle() -> None:
    """Let every task run until all of them wait, none of which waits for the world outside."""
    for _ in range(50):
        await anyio.lowlevel.checkpoint()


async def until(condition: Callable[[], object]) -> None:
    """Let every task and thread run until *condition* holds; fails when it never does."""
    with anyio.fail_after(60):
        while not condition():
            await anyio.lowlevel.checkpoint()


class Steered:
    """A source whose lists and failures the test gives, in order, for all watches together."""

    def __init__(self, name: str, *steps: Any) -> None:
        self.name = name
        self.steps = list(steps)
        self.watches = 0
        """How often it was asked."""
        self.open = 0
        """How many watches go on now."""
        self._more = anyio.Event()

    def say(self, *steps: Any) -> None:
        """Send lists, or raise exceptions, next."""
        self.steps.extend(steps)
        self._more.set()

    async def watch(self, service: str) -> AsyncIterator[Any]:
        """What the test gave."""
        self.watches += 1
        self.open += 1
        try:
            while True:
                while not self.steps:
                    self._more = anyio.Event()
                    await self._more.wait()
                step = self.steps.pop(0)
                if isinstance(step, BaseException):
                    raise step
                yield step
        finally:
            self.open -= 1
            await anyio.lowlevel.checkpoint()


class Reader:
    """Reads *snapshots* in a task of its own while the context lasts, and closes them."""

    def __init__(self, snapshots: Any) -> None:
        self.lists: list[Any] = []
        self.error: Exception | None = None
        self._snapshots = snapshots
        self._group: anyio.abc.TaskGroup

    async def __aenter__(self) -> Self:
        self._group = await anyio.create_task_group().__aenter__()
        self._group.start_soon(self._read)
        await settle()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(None, None, None)

    async def _read(self) -> None:
        try:
            async for snapshot in self._snapshots:
                self.lists.append(snapshot)
        except Exception as exc:
            self.error = exc
        finally:
            with anyio.CancelScope(shield=True):
                await self._snapshots.aclose()
