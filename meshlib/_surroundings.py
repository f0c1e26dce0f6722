"""
What meshes made here take over where their maker says nothing.

The code under test makes its own clients. Whoever tests it surrounds it: a mesh that is
made meanwhile gets the clock, the endpoints and the transport of its surroundings, and is
told of. Outside of tests nothing surrounds anything, and making a mesh asks once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ._clock import Clock, monotonic


@runtime_checkable
class Timekeeper(Protocol):
    """
    A clock that also makes time pass: whoever has to wait waits by it.

    A mesh whose `clock` is one needs no other `sleep`.
    """

    def __call__(self) -> float:
        """The instant, in seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block this thread for so long."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Suspend this task for so long."""
        ...

    def wait(self, event: Any, seconds: float) -> None:
        """Block this thread until *event*, a `threading.Event`, is set; set it after *seconds*."""
        ...


@dataclass(slots=True, eq=False)
class Surroundings:
    """
    What is taken over: each None is what a mesh has anyway.

    *services* are merged over what the mesh is configured with. *transport*, blocking and
    asynchronous, is that of clients made without one. *mesh* is shared by clients that say
    nothing about theirs. *made* is called with every mesh made.
    """

    clock: Clock | None = None
    wall_clock: Clock | None = None
    rng: random.Random | None = None
    services: Mapping[str, Any] = field(default_factory=dict)
    transport: Any = None
    mesh: Any = None
    made: Callable[[Any], object] | None = None

    def over(self, services: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """*services* as code gave them, with these endpoints in the place of their own."""
        if not self.services:
            return services
        merged = dict(services or {})
        for name, mine in self.services.items():
            known: Any = merged.get(name)
            if hasattr(known, "model_dump"):
                known = known.model_dump(exclude_unset=True)
            if isinstance(known, Mapping):
                kept = {key: value for key, value in known.items() if key != "discovery"}
                mine = {**kept, **(mine if isinstance(mine, Mapping) else {"endpoints": mine})}
            merged[name] = mine
        return merged


_stack = [Surroundings()]


def surroundings() -> Surroundings:
    """Those of this moment, of the whole process: the code under test may have threads."""
    return _stack[-1]


@contextmanager
def surrounded(by: Surroundings) -> Iterator[Surroundings]:
    """Put *by* in force inside the block, in place of what is outside of it."""
    _stack.append(by)
    try:
        yield by
    finally:
        _stack.remove(by)


def ambient_clock() -> Clock:
    """The clock of meshes made now."""
    return _stack[-1].clock or monotonic
