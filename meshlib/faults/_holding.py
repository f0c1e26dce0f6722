"""Who waits because of a fault, and is to go on when that is called off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ._fault import Fault


class Waits(Protocol):
    """Something that waits until it is set; by any thread."""

    def set(self) -> None:
        """End the wait."""


class Holding:
    """
    The waits that faults cause.

    Not thread-safe: the injector holds its lock.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Fault, Waits]] = {}

    def add(self, fault: Fault, waiter: Waits) -> None:
        """*waiter* waits because of *fault*."""
        self._waiting[id(waiter)] = (fault, waiter)

    def remove(self, waiter: Waits) -> None:
        """*waiter* waits no more; idempotent."""
        self._waiting.pop(id(waiter), None)

    def wake(self, stands: Callable[[Fault], bool]) -> None:
        """End the waits for faults that do not stand any more."""
        for fault, waiter in list(self._waiting.values()):
            if not stands(fault):
                waiter.set()

    def clear(self) -> None:
        """Forget them: in a forked child nobody waits."""
        self._waiting.clear()
