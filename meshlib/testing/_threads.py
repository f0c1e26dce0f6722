"""
What other threads are doing, as far as it can be seen from outside.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Container
from types import FrameType

_IMPORTING = "<frozen importlib._bootstrap>"
"""Where a thread is that imports something."""
_BACKGROUND = "meshlib-"
"""How the names of a mesh's own threads begin."""


def in_background(name: str) -> bool:
    """Whether the thread with this *name* is one of a mesh, and none of the code under test."""
    return name.startswith(_BACKGROUND)


def frames() -> dict[int, FrameType]:
    """Where each thread is."""
    collecting = gc.isenabled()
    gc.disable()  # CPython 3.11 may deadlock when it collects inside the call (gh-106883)
    try:
        return sys._current_frames()
    finally:
        if collecting:
            gc.enable()


def some_import(threads: Container[int]) -> bool:
    """Whether one of *threads* is about to import something."""
    for ident, place in frames().items():
        frame: FrameType | None = place if ident in threads else None
        while frame is not None:
            if frame.f_code.co_filename == _IMPORTING:
                return True
            frame = frame.f_back
    return False
