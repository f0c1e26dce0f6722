"""
What an application that does not start, or does not end, is reported with.
"""

from __future__ import annotations


class LifespanError(RuntimeError):
    """
    An application failed to start up or to shut down.

    Raised where the transport is opened or closed, and by the first request of one that was
    not opened. `phase` is `startup` or `shutdown`, `message` what the application said.
    """

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(f"the application's {phase} failed: {message}")
        self.phase = phase
        self.message = message
