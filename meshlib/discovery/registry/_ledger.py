"""
Who is registered: the database, and what this process remembers of it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..._clock import Clock, monotonic
from ..._fork import survive_fork
from ._expiry import Key, Leases
from ._record import Record
from ._snapshot import Snapshot, encode
from ._store import Pulled, Row, Store

_GAP = 1.0
"""Seconds without a look at the database after which this process must have been stopped."""


class FullError(Exception):
    """There are as many instances as there may be."""


class _Service:
    """The instances of one service."""

    __slots__ = ("revision", "rows", "snapshot")

    def __init__(self) -> None:
        self.revision = 0
        self.rows: dict[str, Row] = {}
        self.snapshot: Snapshot | None = None


class Ledger:
    """
    Registers, renews and forgets instances, in the database at *path*.

    What is read comes from memory, which `refresh` brings up to date with the database:
    other processes write to it, too. An instance expires when this process has seen no
    heartbeat of it, by whichever process, for its time to live on *clock*, a monotonic one;
    so after a restart each has all of its time again. While heartbeats could not be
    heard, because the database could not be written or this process was stopped, no time
    passes.

    Thread-safe. `put`, `beat`, `remove`, `refresh`, `open` and `close` block, and raise
    sqlite3.Error; the others do not.
    """

    def __init__(
        self, path: str, *, max_instances: int = 100_000, clock: Clock = monotonic
    ) -> None:
        self._store = Store(path)
        self._max_instances = max_instances
        self._clock = clock
        self._clear()
        survive_fork(self)

    def _clear(self) -> None:
        # `_io` is held while the database works, `_lock` for a moment only.
        self._io, self._lock = threading.Lock(), threading.Lock()
        self._services: dict[str, _Service] = {}
        self._leases = Leases()
        self._epoch, self._revision, self._tick, self._floor = "", -1, -1, 0
        self._attending = 0
        self._looked = self._clock()
        self._deaf: float | None = None
        self._stale = True

    def renew(self) -> None:
        """A forked child has no connection to the database: SQLite forbids to share one."""
        self._store.abandon()
        self._clear()

    @property
    def revision(self) -> int:
        """What changes whenever a list does."""
        return self._revision

    @property
    def epoch(self) -> str:
        """The name of the database, drawn at random when it was made."""
        return self._epoch

    def open(self) -> None:
        """Open the database, and read it; also raises ConfigurationError if it is not ours."""
        with self._io, self._hearing():
            self._pull()

    def close(self) -> None:
        """Close the database until it is needed again."""
        with self._io:
            self._store.close()

    def put(self, service: str, record: Record) -> bool:
        """Register or replace; whether it was unknown. Raises FullError."""
        with self._io:
            with self._hearing():
                self._update()
            full = len(self._leases) >= self._max_instances
            if full and record.id not in self._rows(service):
                raise FullError(f"{self._max_instances} instances are registered already")
            with self._hearing():
                created = self._store.put(service, record)
                self._heard()
                self._pull()
        return created

    def beat(self, keys: set[Key]) -> set[Key]:
        """Take heartbeats of *keys*; those that are unknown."""
        with self._io, self._hearing():
            unknown = self._store.beat(keys)
            self._heard()
            self._pull()
        return unknown

    def remove(self, service: str, instance: str) -> bool:
        """Forget an instance; False if it was unknown."""
        with self._io, self._hearing():
            removed = self._store.remove([((service, instance), None)])
            self._heard()
            self._pull()
        return bool(removed)

    def refresh(self) -> None:
        """Learn what other processes wrote, and forget who has expired."""
        with self._io, self._hearing():
            self._update()

    def attend(self) -> None:
        """Say that `refresh` is called all the time from now on, so that pauses are noticed."""
        with self._lock:
            self._attending += 1
            self._looked = self._clock()

    def leave(self) -> None:
        """Say that this is over."""
        with self._lock:
            self._attending -= 1

    def snapshot(self, service: str) -> Snapshot:
        """The instances of *service*."""
        with self._lock:
            held = self._services.get(service)
            if held is None:
                return encode(service, self._epoch, self._floor, ())
            if held.snapshot is not None:
                return held.snapshot
            epoch, revision, rows = self._epoch, held.revision, list(held.rows.items())
        # Sorted, or two processes would call the same list by different cursors.
        snapshot = encode(service, epoch, revision, [row.text for _, row in sorted(rows)])
        with self._lock:
            if held.revision == revision:
                held.snapshot = snapshot
        return snapshot

    def list_revision(self, service: str) -> int:
        """The revision of the list of *service*."""
        with self._lock:
            held = self._services.get(service)
            return self._floor if held is None else held.revision

    def services(self) -> list[tuple[str, int, int]]:
        """Each service that has instances: name, revision, number of instances."""
        with self._lock:
            return sorted((n, held.revision, len(held.rows)) for n, held in self._services.items())

    def _rows(self, service: str) -> dict[str, Row]:
        held = self._services.get(service)
        return {} if held is None else held.rows

    def _update(self) -> None:
        # Caller must hold `_io`.
        if self._store.touched() or self._stale:
            self._pull()
        if self._deaf is not None:
            self._store.beat(())  # to see whether it can be written again
            self._heard()
        self._notice_stop()
        self._expire()

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        """Note when the database ceased to work."""
        began = self._clock()
        try:
            yield
        except sqlite3.Error:
            self._deaf = began if self._deaf is None else self._deaf
            self._stale = True
            raise

    def _heard(self) -> None:
        if self._deaf is not None:
            self._leases.forgive(self._clock() - self._deaf)
            self._deaf = None
            self._looked = self._clock()

    def _notice_stop(self) -> None:
        # A process that was stopped finds its leases run out, and the heartbeats of that
        # time still in its sockets.
        now = self._clock()
        if self._attending and now - self._looked > _GAP:
            self._leases.forgive(now - self._looked)
        self._looked = now

    def _expire(self) -> None:
        now = self._clock()
        with self._lock:
            due = self._leases.expired(now)
            dead = [(key, self._rows(key[0])[key[1]]) for key in due]
        if not dead:
            return
        try:
            # One that another process has heard of meanwhile has another tick, and stays.
            self._store.remove([(key, row.tick) for key, row in dead])
            self._pull()
        except sqlite3.Error:
            with self._lock:
                for key, _ in dead:
                    self._leases.renew(key, 0.0, now)
            raise

    def _pull(self) -> None:
        pulled = self._store.pull(self._revision, self._tick, self._epoch)
        now = self._clock()
        with self._lock:
            self._apply(pulled, now)
        self._stale = False

    def _apply(self, pulled: Pulled, now: float) -> None:
        # Caller must hold both locks.
        if pulled.complete:
            self._services, self._leases = {}, Leases()
        for revision, key, row in pulled.changes:
            self._change(revision, key, row, now)
        for key, tick in pulled.beats:
            rows = self._rows(key[0])
            row = rows[key[1]]
            rows[key[1]] = Row(tick, row.ttl, row.text)
            self._leases.renew(key, row.ttl, now)
        self._epoch, self._revision = pulled.epoch, pulled.revision
        self._tick, self._floor = pulled.tick, pulled.floor

    def _change(self, revision: int, key: Key, row: Row | None, now: float) -> None:
        service, instance = key
        held = self._services.setdefault(service, _Service())
        held.revision, held.snapshot = revision, None
        if row is not None:
            held.rows[instance] = row
            self._leases.renew(key, row.ttl, now)
            return
        self._leases.forget(key)
        held.rows.pop(instance, None)
        if not held.rows:
            del self._services[service]
