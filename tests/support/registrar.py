"""A place to register that only remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Remembered:
    """A registrar; *journal* gets `registered` and `deregistered`."""

    name = "remembered"

    def __init__(self, journal: list[Any]) -> None:
        self._journal = journal

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Remembered]:
        """Itself."""
        yield self

    async def register(self, instance: Any) -> None:
        """Make *instance* known."""
        self._journal.append("registered")

    async def renew(self, instance: Any) -> bool:
        """Know it."""
        return True

    async def deregister(self, instance: Any) -> None:
        """Forget it."""
        self._journal.append("deregistered")
