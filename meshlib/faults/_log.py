"""The injections of late, with what became of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Lock

from ._injection import Injection

_KEPT = 1000
"""Injections; some hundred KiB, and more than anybody reads."""


class InjectionLog:
    """
    The last 1000 injections whose calls are over.

    Thread-safe.
    """

    def __init__(self) -> None:
        self._entries: deque[Injection] = deque(maxlen=_KEPT)
        self._lock = Lock()

    def add(self, injections: Iterable[Injection]) -> None:
        """Remember *injections*."""
        with self._lock:
            self._entries.extend(injections)

    def entries(self) -> tuple[Injection, ...]:
        """All that are remembered, in the order in which their calls ended."""
        with self._lock:
            return tuple(self._entries)

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._entries.clear()

    def renew(self) -> None:
        """A forked child begins with none, and with a lock of its own."""
        self._lock = Lock()
        self._entries.clear()
