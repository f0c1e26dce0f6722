"""
Who hears of the events of a mesh.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from .._clock import Clock
from ..events import Event, Listener
from ..telemetry import StateLog

_LOGGER = logging.getLogger("meshlib")


class Listening:
    """
    The listeners of a mesh, and the log of state changes, which always listens.

    *on_change* is called when somebody begins or ceases to listen. Thread-safe.
    """

    def __init__(
        self, listeners: Iterable[Listener], clock: Clock, on_change: Callable[[], None]
    ) -> None:
        self._listeners: tuple[Listener, ...] = tuple(listeners)
        self._state_log = StateLog(clock=clock)
        self._on_change = on_change
        self.renew()

    def __bool__(self) -> bool:
        """Whether anybody but the log listens."""
        return bool(self._listeners)

    def renew(self) -> None:
        """A forked child may not wait for a lock that a thread of its parent held."""
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        """Log *event* if it changes a state, and send it to every listener."""
        listeners: tuple[Listener, ...] = (self._state_log, *self._listeners)
        for listener in listeners:
            try:
                listener(event)
            except Exception:
                _LOGGER.exception("a listener failed on %s", type(event).__name__)

    def add(self, listener: Listener) -> Callable[[], None]:
        """Send every event to *listener* from now on; the function returned stops that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
        self._on_change()

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)
            self._on_change()

        return stop
