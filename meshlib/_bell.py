"""
Waking a task from any thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

import anyio
import sniffio


class Bell:
    """
    Made in the event loop of the one task that waits; `ring` may be called from any thread.

    A ring that comes before anybody waits is kept, several are one. Works on asyncio and
    trio.
    """

    __slots__ = ("_call", "_event")

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._call = _caller()

    def ring(self) -> None:
        """Let the task go on; does nothing once its event loop has ended."""
        try:
            self._call(self._set)
        except RuntimeError:
            pass  # the loop is closed, and nobody waits any more

    async def wait(self) -> None:
        """Return when it has been rung since the last time."""
        await self._event.wait()
        self._event = anyio.Event()

    def _set(self) -> None:
        self._event.set()


def _caller() -> Callable[[Callable[[], object]], object]:
    if sniffio.current_async_library() == "trio":
        import trio

        return trio.lowlevel.current_trio_token().run_sync_soon
    loop = asyncio.get_running_loop()

    def call(function: Callable[[], Any]) -> object:
        # An empty context: by default that of whoever rings would go along.
        return loop.call_soon_threadsafe(function, context=Context())

    return call
