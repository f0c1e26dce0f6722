"""
Changing a file in one step, and one process at a time.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

LOCK = ".meshlib.lock"
"""The file beside those that are changed; one for all of a directory, as it stays for ever."""

_Result = TypeVar("_Result")


class BusyError(Exception):
    """Somebody else is changing the file."""


def locked(path: Path, change: Callable[[Path], _Result]) -> _Result:
    """
    Call *change* with the file that *path* leads to while nobody else may change it.

    Blocks for the change alone. Raises BusyError when it is somebody else's turn, and OSError.
    """
    file = Path(os.path.realpath(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    with _lock(file.with_name(LOCK)):
        return change(file)


def replace_file(path: Path, content: bytes) -> None:
    """
    Replace what *path* holds in one step that survives a crash; raises OSError.

    Keeps its mode; a new one has that which the process gives to new files.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(stream.fileno(), stat.S_IMODE(path.stat().st_mode))
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:
        raise OSError("files are locked on POSIX systems only") from None
    # Never deleted: whoever waits for a file that was deleted would lock another one.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError from None
        try:
            yield
        finally:
            # Said outright: a child forked meanwhile has the descriptor, too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _sync(directory: Path) -> None:
    """Have the rename on the disk, too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
