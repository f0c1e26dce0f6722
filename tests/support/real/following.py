"""What one watch of a source says, for tests that wait for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import anyio

from meshlib import Endpoint

_PATIENCE = 30.0
"""Seconds after which a wait is given up as hanging; a passing test never gets near it."""


class Following:
    """The `lists` that have come so far, and the `error` that ended the watch, if any."""

    def __init__(self) -> None:
        self.lists: list[tuple[Endpoint, ...]] = []
        self.error: Exception | None = None
        self._changed = anyio.Event()

    @property
    def urls(self) -> set[str] | None:
        """The URLs of the last list; None before the first."""
        return {one.url for one in self.lists[-1]} if self.lists else None

    async def until(self, condition: Callable[[], Any], *, within: float = _PATIENCE) -> None:
        """Wait for *condition*, which is asked for each list; fails when the watch fails."""
        with anyio.move_on_after(within):
            while not condition():
                if self.error is not None:
                    raise self.error
                await self._changed.wait()
            return
        raise AssertionError(f"in vain for {within} s; the last list was {self.urls}")

    async def until_urls(self, *urls: str, within: float = _PATIENCE) -> None:
        """Wait until *urls* are known, and no others."""
        await self.until(lambda: self.urls == set(urls), within=within)

    async def until_error(self) -> Exception:
        """Wait for the watch to fail."""
        with anyio.fail_after(_PATIENCE):
            while self.error is None:
                await self._changed.wait()
        return self.error

    async def run(self, source: Any, service: str) -> None:
        """Note what *source* says, until it fails."""
        try:
            async with aclosing(cast("Any", source.watch(service))) as lists:
                async for endpoints in lists:
                    self.lists.append(tuple(endpoints))
                    self._tell()
        except Exception as exc:
            self.error = exc
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


@asynccontextmanager
async def following(source: Any, service: str) -> AsyncIterator[Following]:
    """Watch *service* within the context."""
    seen = Following()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(seen.run, source, service)
        yield seen
        tasks.cancel_scope.cancel()


async def first(source: Any, service: str) -> Sequence[Endpoint]:
    """The first list of *service*; the watch is closed after it."""
    async with aclosing(cast("Any", source.watch(service))) as lists:
        return cast("Sequence[Endpoint]", await anext(lists))
