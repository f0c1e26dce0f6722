"""
Doing something before the process obeys SIGTERM.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_LOGGER = logging.getLogger("meshlib")


def on_sigterm(leave: Callable[[], None]) -> Callable[[], None]:
    """
    Have *leave* run at SIGTERM, in a thread, and then the signal do what it did before.

    A second SIGTERM does that at once. Returns what takes the handler away again. Raises
    RuntimeError outside the main thread, where Python allows no signal handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "only the main thread can handle SIGTERM; start the registration there, or "
            "stop it from the shutdown of the application"
        )
    handler = _Handler(leave)
    handler.before = signal.signal(signal.SIGTERM, handler)
    return handler.remove


class _Handler:
    """Stands before the handler that was there."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self.before: Any = signal.SIG_DFL
        self._leave = leave
        self._pid = os.getpid()
        self._leaving = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._leaving or os.getpid() != self._pid:
            self._pass_on(frame)
            return
        self._leaving = True
        # A handler runs between two instructions of the main thread, which must not wait
        # here: it may be serving the very calls that are to be drained.
        threading.Thread(target=self._run, name="meshlib-sigterm", daemon=True).start()

    def _run(self) -> None:
        try:
            self._leave()
        except Exception:
            _LOGGER.exception("leaving at SIGTERM failed")
        if getattr(self.before, "__name__", "") != "_sighandler_noop":
            # Again, and this time for the handler that was there before. That one is
            # asyncio's, whose loop has heard of the first signal by itself.
            os.kill(os.getpid(), signal.SIGTERM)

    def _pass_on(self, frame: FrameType | None) -> None:
        before = self.before
        if callable(before):
            before(signal.SIGTERM, frame)
        elif before != signal.SIG_IGN:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    def remove(self) -> None:
        """Put the former handler back, unless somebody else took the signal over meanwhile."""
        if self._leaving or threading.current_thread() is not threading.main_thread():
            return
        current: object = signal.getsignal(signal.SIGTERM)
        if current is self:
            signal.signal(signal.SIGTERM, self.before)
