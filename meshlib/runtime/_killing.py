"""
What stops faults from outside: a file that exists, and a signal.
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


def is_there(path: str) -> bool:
    """Whether *path* exists, or cannot be looked for: who cannot tell stops."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as exc:
        _LOGGER.debug("%s cannot be looked for, so faults are off: %s", path, type(exc).__name__)
    return True


class KillSignal:
    """
    Calls *halt* and *stop* whenever the signal *name* comes, then who handled it before.

    *halt* gets the reason. It runs between two instructions of the main thread, so it may
    take no lock; *stop*, which may, runs in a thread. A signal that nobody handled does
    nothing else any more: its default, the end of the process, is not what was asked for.
    `installed` is False where the platform has no such signal, and outside the main
    thread, where Python allows no handlers.
    """

    def __init__(self, name: str, halt: Callable[[str], None], stop: Callable[[], None]) -> None:
        self.name = name
        self._halt = halt
        self._stop = stop
        self._before: Any = None
        self._number: int = getattr(signal, name, 0)
        self.installed = self._number > 0 and _in_main_thread()
        if self.installed:
            self._before = signal.signal(self._number, self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        self._halt(f"the signal {self.name} came")
        threading.Thread(target=self._stop, name="meshlib-kill-signal", daemon=True).start()
        if callable(self._before):
            self._before(number, frame)

    def remove(self) -> None:
        """Put the former handler back, unless somebody else took the signal over meanwhile."""
        if not self.installed or not _in_main_thread():
            return
        self.installed = False
        current: object = signal.getsignal(self._number)
        if current is self:
            # None is a handler that was not installed by Python and cannot be put back.
            signal.signal(self._number, self._before or signal.SIG_DFL)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
