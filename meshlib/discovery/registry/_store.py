"""
Who is registered, in a SQLite database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from ._expiry import Key
from ._record import Record
from ._schema import open_database, transaction

_KEPT_CHANGES = 10_000
"""A process that is further behind reads everything."""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored instance, and the *tick* of its last heartbeat."""

    tick: int
    ttl: float
    text: str


@dataclass(slots=True)
class Pulled:
    """
    What has happened since a revision and a tick.

    *complete*: it is everything there is, *revisions* being those of the services.
    Otherwise *changes* are the instances that changed, in order, each with its revision,
    and None for one that has gone.
    """

    epoch: str
    revision: int
    tick: int
    floor: int
    complete: bool = False
    revisions: dict[str, int] = field(default_factory=dict)
    changes: list[tuple[int, Key, Row | None]] = field(default_factory=list)
    beats: list[tuple[Key, int]] = field(default_factory=list)


class Store:
    """
    The database at *path*, which several processes may use at the same time.

    Each change of an instance has a revision of its own, and heartbeats have none. The
    *epoch* is drawn at random when the database is made. Blocks; one caller at a time.
    Raises sqlite3.Error, and ConfigurationError for a database that is not ours.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._abandoned: list[sqlite3.Connection] = []
        self._version = -1

    def abandon(self) -> None:
        """Leave the connection to the parent of this forked child, without closing it."""
        if self._connection is not None:
            self._abandoned.append(self._connection)
        self._connection = None

    def open(self) -> None:
        """Open the database, and make it when there is none. Idempotent."""
        if self._connection is not None:
            return
        self._connection = open_database(self._path)
        self._version = -1

    def close(self) -> None:
        """Close the database; it is opened again when it is needed. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def touched(self) -> bool:
        """Whether another process has written since this was asked last."""
        (version,) = self._opened().execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, version
        return bool(before != version)

    def pull(self, revision: int, tick: int, epoch: str) -> Pulled:
        """What has happened since *revision* and *tick* of the database called *epoch*."""
        connection = self._opened()
        with transaction(connection, "BEGIN"):
            row = connection.execute("SELECT epoch, revision, tick, floor FROM state").fetchone()
            pulled = Pulled(*row)
            (oldest,) = connection.execute("SELECT min(revision) FROM changes").fetchone()
            behind = revision < pulled.revision and (oldest is None or oldest > revision + 1)
            if behind or revision > pulled.revision or epoch != pulled.epoch:
                _read_all(connection, pulled)
            else:
                _read_changes(connection, pulled, revision, tick)
        return pulled

    def put(self, service: str, record: Record) -> bool:
        """Store *record*, and have it seen alive; whether it was unknown."""
        connection = self._opened()
        with transaction(connection):
            key = (service, record.id)
            old = connection.execute(
                "SELECT text FROM instances WHERE service = ? AND id = ?", key
            ).fetchone()
            tick = _next_tick(connection)
            if old is not None and old[0] == record.text:
                connection.execute(
                    "UPDATE instances SET tick = ? WHERE service = ? AND id = ?", (tick, *key)
                )
                return False
            connection.execute(
                "INSERT OR REPLACE INTO instances (service, id, tick, ttl, text)"
                " VALUES (?, ?, ?, ?, ?)",
                (*key, tick, record.ttl, record.text),
            )
            revision = _next_revision(connection, key)
            connection.execute(
                "INSERT OR REPLACE INTO services (name, revision) VALUES (?, ?)",
                (service, revision),
            )
        return old is None

    def beat(self, keys: Iterable[Key]) -> set[Key]:
        """Have *keys* seen alive; those that are unknown."""
        connection = self._opened()
        unknown = set()
        with transaction(connection):
            tick = _next_tick(connection)
            for key in keys:
                done = connection.execute(
                    "UPDATE instances SET tick = ? WHERE service = ? AND id = ?", (tick, *key)
                )
                if not done.rowcount:
                    unknown.add(key)
        return unknown

    def remove(self, keys: Iterable[tuple[Key, int | None]]) -> int:
        """Remove instances, each only if its tick is the one given; how many were."""
        connection = self._opened()
        removed = 0
        with transaction(connection):
            for key, tick in keys:
                done = connection.execute(
                    "DELETE FROM instances WHERE service = ?1 AND id = ?2"
                    " AND (?3 IS NULL OR tick = ?3)",
                    (*key, tick),
                )
                if done.rowcount:
                    removed += 1
                    _tell_removed(connection, key)
        return removed

    def _opened(self) -> sqlite3.Connection:
        self.open()
        assert self._connection is not None
        return self._connection


def _next_tick(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE state SET tick = tick + 1")
    return int(connection.execute("SELECT tick FROM state").fetchone()[0])


def _next_revision(connection: sqlite3.Connection, key: Key) -> int:
    connection.execute("UPDATE state SET revision = revision + 1")
    revision = int(connection.execute("SELECT revision FROM state").fetchone()[0])
    connection.execute(
        "INSERT INTO changes (revision, service, id) VALUES (?, ?, ?)", (revision, *key)
    )
    connection.execute("DELETE FROM changes WHERE revision <= ?", (revision - _KEPT_CHANGES,))
    return revision


def _tell_removed(connection: sqlite3.Connection, key: Key) -> None:
    revision = _next_revision(connection, key)
    left = connection.execute(
        "SELECT 1 FROM instances WHERE service = ? LIMIT 1", (key[0],)
    ).fetchone()
    if left:
        connection.execute("UPDATE services SET revision = ? WHERE name = ?", (revision, key[0]))
    else:
        connection.execute("DELETE FROM services WHERE name = ?", (key[0],))
        connection.execute("UPDATE state SET floor = ?", (revision,))


def _read_all(connection: sqlite3.Connection, pulled: Pulled) -> None:
    pulled.complete = True
    pulled.revisions.update(connection.execute("SELECT name, revision FROM services"))
    for service, name, *row in connection.execute(
        "SELECT service, id, tick, ttl, text FROM instances"
    ):
        pulled.changes.append((pulled.revisions[service], (service, name), Row(*row)))


def _read_changes(connection: sqlite3.Connection, pulled: Pulled, revision: int, tick: int) -> None:
    for number, service, name, *row in connection.execute(
        "SELECT c.revision, c.service, c.id, i.tick, i.ttl, i.text FROM changes c"
        " LEFT JOIN instances i ON i.service = c.service AND i.id = c.id"
        " WHERE c.revision > ? ORDER BY c.revision",
        (revision,),
    ):
        found = None if row[0] is None else Row(*row)
        pulled.changes.append((number, (service, name), found))
    for service, name, seen in connection.execute(
        "SELECT service, id, tick FROM instances WHERE tick > ?", (tick,)
    ):
        pulled.beats.append(((service, name), seen))
