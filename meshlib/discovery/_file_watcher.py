"""
Noticing that a file says something else, whatever way it was replaced.

What counts is the content. File system events only say when to look again, and where
they do not come (some network and container file systems) a look at times does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.to_thread

# Documented by watchfiles as its direct interface. `watchfiles.awatch` starts to watch at
# its first step only, so a change between reading the file and that step would be lost,
# and cancelling it takes until its next timeout.
from watchfiles._rust_notify import RustNotify

_STEP = 0.1
"""Seconds for which it must be quiet after an event, and within which stopping works."""
_GROUP = 0.4
"""Seconds after which events that never cease are acted upon."""
_CHECK = 5.0
"""Seconds between looks while events are expected."""
_POLL = 1.0
"""Seconds between looks where the file system tells nothing."""

Content = bytes | OSError
"""What a file holds, or why it cannot be read."""


class FileWatcher:
    """
    Waits for one file in a thread of its own choosing.

    Events are taken from directories, since a file that is replaced by a rename is
    another file: from that of the path, that of the file it leads to, and those of the
    symbolic links between, as a mounted Kubernetes ConfigMap has them.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(os.fspath(path))
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._reading = False
        self._notify: RustNotify | None = None
        self._watched: frozenset[tuple[str, int, int]] = frozenset()

    def read(self, wait: bool) -> Content:
        """
        What the file holds; with *wait*, after something may have happened to it.

        Blocks. Returns soon after `stop`. One thread at a time.
        """
        with self._lock:
            self._reading = True
        try:
            if wait:
                self._wait()
            # Watching begins before reading: what happens in between is then an event.
            self._watch()
            return Path(self._path).read_bytes()
        except OSError as exc:
            return exc
        finally:
            with self._lock:
                self._reading = False
                if self._stopped.is_set():
                    self._close()

    def stop(self) -> None:
        """Stop waiting and watching. Never blocks; may be called more than once."""
        self._stopped.set()
        with self._lock:
            if not self._reading:
                self._close()

    def _close(self) -> None:
        # Caller must hold the lock.
        notify, self._notify = self._notify, None
        if notify is not None:
            notify.close()

    def _wait(self) -> None:
        if self._notify is None:
            self._stopped.wait(_POLL)
            return
        try:
            self._notify.watch(
                int(_GROUP * 1000), int(_STEP * 1000), int(_CHECK * 1000), self._stopped
            )
        except (OSError, RuntimeError):
            self._watched = frozenset()
            self._stopped.wait(_POLL)

    def _watch(self) -> None:
        """Watch the directories that matter now; links may lead elsewhere than before."""
        directories = _directories(self._path)
        if directories == self._watched and self._notify is not None:
            return
        paths = sorted({path for path, _, _ in directories})
        try:
            notify = RustNotify(paths, False, False, 0, False, True) if paths else None
        except (OSError, RuntimeError):
            notify = None  # no such directory, or no more watches: look at times instead
        with self._lock:
            self._close()
            self._notify = notify
        self._watched = directories


def _directories(path: str) -> frozenset[tuple[str, int, int]]:
    """
    Where events about *path* appear, each with its device and number.

    A directory that was made anew under its old name is another one, with other events.
    """
    found = {os.path.dirname(path), os.path.dirname(os.path.realpath(path))}
    part = path
    while part != os.path.dirname(part):
        if os.path.islink(part):
            found.add(os.path.dirname(part))
        part = os.path.dirname(part)
    known = set()
    for directory in found:
        try:
            status = os.stat(directory)
        except OSError:
            continue
        known.add((directory, status.st_dev, status.st_ino))
    return frozenset(known)


async def watch_file(path: str | os.PathLike[str]) -> AsyncIterator[Content]:
    """
    What the file at *path* holds now, and again whenever it holds something else.

    Goes on while the file cannot be read, which is told by an OSError in place of its
    content, once. Replacing, renaming, deleting and making it anew are all seen, as is
    a symbolic link that leads elsewhere.
    """
    watcher = FileWatcher(path)
    limiter = anyio.CapacityLimiter(1)
    last: Content | None = None
    try:
        while True:
            content = await anyio.to_thread.run_sync(
                watcher.read, last is not None, abandon_on_cancel=True, limiter=limiter
            )
            if not alike(content, last):
                last = content
                yield content
    finally:
        watcher.stop()


def alike(one: Content, other: Content | None) -> bool:
    """Whether both say the same; two errors do when they have the same number."""
    if isinstance(one, OSError):
        return isinstance(other, OSError) and one.errno == other.errno
    return one == other
