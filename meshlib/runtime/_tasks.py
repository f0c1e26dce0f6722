"""
Tasks that go on in the background, one for each name.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any

from ._background import Background


class Tasks:
    """
    Starts a task for a name unless it runs already, and stops it. Thread-safe.
    """

    def __init__(self, background: Background) -> None:
        self._background = background
        self._running: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._closed = False

    def start(self, name: str, make: Callable[[], Callable[[], Awaitable[Any]]]) -> None:
        """Run what *make* returns, unless that of *name* runs already or all is closed."""
        with self._lock:
            if not self._closed and name not in self._running:
                self._running[name] = self._background.start_soon(make())

    def stop(self, name: str) -> None:
        """Stop the task of *name*, if there is one."""
        with self._lock:
            running = self._running.pop(name, None)
            self._forget(name)
        if running is not None:
            running.cancel()

    def _forget(self, name: str) -> None:
        """Drop what is kept for *name* beside its task; the lock is held."""

    def close(self) -> None:
        """Start nothing any more; the background ends what runs."""
        self._closed = True
        self._running = {}

    def renew(self) -> None:
        """A forked child has none of its parent's threads, and starts anew what it asks for."""
        self._lock = threading.Lock()
        for task in self._running.values():
            task.cancel()
        self._running = {}
