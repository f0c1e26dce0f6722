"""Which functions of the code under test led here."""

from __future__ import annotations

import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import FrameType

_OTHERS = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")}
    | {str(Path(__file__).resolve().parents[1])}
)
"""Where code lies that is not under test: Python's, installed packages', and this one."""


@lru_cache(maxsize=4096)
def is_under_test(file: str) -> bool:
    """Whether the code in *file* is the user's own."""
    return not file.startswith("<") and not str(Path(file).resolve()).startswith(_OTHERS)


def application_stack(frame: FrameType | None = None) -> tuple[tuple[str, ...], str]:
    """
    The user's functions on the stack, the outermost first, and where the innermost stands.

    Each is `module:qualname`, without a line, so that it stays the same when lines around
    it change; where it stands is `file:line`, for people.
    """
    functions: list[str] = []
    place = ""
    frame = frame or sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if is_under_test(code.co_filename):
            functions.append(f"{frame.f_globals.get('__name__', '?')}:{code.co_qualname}")
            place = place or f"{code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return tuple(reversed(functions)), place
