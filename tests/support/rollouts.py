"""Rollouts of a canary in one process, or in several that share a store, with time by hand."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, cast

from meshlib.config.store import MemoryStore, StoreKey
from meshlib.events import CanaryChanged, CanaryStoreChanged, Event
from meshlib.routing import RouteOptions, RouteTable, Split
from meshlib.routing.canary import CanaryRecord, CanaryStore
from meshlib.runtime._background import Background
from meshlib.runtime.canarying._rollout import Rollout

from .clock import FakeClock

SPLIT = [{"subset": {"version": "v2"}}, {"subset": {"version": "v1"}}]
FAST = {
    "initial_weight": 0.1,
    "step": 0.2,
    "interval": 10,
    "lease": 4,
    "max_skew": 1,
    "analysis": {"min_samples": 10},
}


def route(split: Any = SPLIT, **canary: Any) -> RouteOptions:
    """A route with a split of v2 and v1, and a canary that is quicker than the default."""
    return RouteOptions.model_validate(
        {"name": "canary", "split": split, "canary": {**FAST, **canary}}
    )


def table_of(*routes: RouteOptions) -> RouteTable:
    """The routes, compiled for the service `users`."""
    return RouteTable(routes, service="users")


def store() -> StoreKey:
    """A key that processes may share, if they are all in this one."""
    return StoreKey(MemoryStore(), "canary")


class Later:
    """Stands in for the background: what is started runs when the test says so."""

    def __init__(self) -> None:
        self.started: list[tuple[Callable[..., Awaitable[object]], tuple[Any, ...]]] = []

    def start_soon(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Note what is to run."""
        self.started.append((function, args))

    async def run(self) -> None:
        """Run what was started so far."""
        started, self.started = self.started, []
        for function, args in started:
            await function(*args)


class Process:
    """One process with one rollout."""

    def __init__(
        self,
        name: str = "a",
        shared: CanaryStore | None = None,
        clock: FakeClock | None = None,
        options: RouteOptions | None = None,
    ) -> None:
        self.clock = FakeClock() if clock is None else clock
        self.options = route() if options is None else options
        self.split = split_of(self.options)
        self.events: list[Event] = []
        self.later = Later()
        self.rollout = Rollout(
            "users",
            "canary",
            self.options,
            self.split,
            store() if shared is None else shared,
            me=name,
            background=cast("Background", self.later),
            emit=self.events.append,
            wall=self.clock,
            rng=random.Random(1),
        )

    async def look(self, seconds: float = 0.0) -> None:
        """Look, after so many seconds."""
        self.clock.advance(seconds)
        await self.rollout.look()

    def call(self, canary: int, stable: int, *, failed: int = 0) -> None:
        """Count calls of both versions, *failed* ones of the canary among them."""
        samples = self.rollout.samples
        for number in range(canary):
            samples.add(canary=True, failed=number < failed, elapsed=0.1)
        for _ in range(stable):
            samples.add(canary=False, failed=False, elapsed=0.1)

    @property
    def record(self) -> CanaryRecord:
        """What it knows of the record, of which there must be one."""
        assert self.rollout.record is not None
        return self.rollout.record

    @property
    def reason(self) -> str:
        """Why the canary has its share, as listeners were told last."""
        event = self.events[-1]
        assert isinstance(event, CanaryChanged)
        return event.reason

    @property
    def weight(self) -> float:
        """The share of the canary that its split has."""
        return self.split.weights[0]

    @property
    def changes(self) -> list[tuple[str, str, float]]:
        """What listeners were told: the old and new states and the share."""
        return [(e.old, e.new, e.weight) for e in self.events if isinstance(e, CanaryChanged)]

    @property
    def touches(self) -> list[bool]:
        """Whether the store could be reached, at each change of that."""
        return [e.reachable for e in self.events if isinstance(e, CanaryStoreChanged)]


def split_of(options: RouteOptions) -> Split:
    """The split of a route."""
    split = table_of(options).routes[0].split
    assert split is not None
    return split


class Broken(StoreKey):
    """A store that fails while it is told to: `get`, `set`, `lie` (it writes, and fails)."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(), "canary")
        self.fails = ""

    async def get(self) -> Any:
        """The content, or an error."""
        if self.fails == "get":
            raise OSError("the store is away")
        return await super().get()

    async def compare_and_set(self, content: bytes, version: Any) -> bool:
        """Write, or fail before or after that."""
        if self.fails == "set":
            raise OSError("the store is read-only")
        written = await super().compare_and_set(content, version)
        if self.fails == "lie":
            raise OSError("the answer was lost")
        return written
