"""
The tables of the registry's database, and how it is opened.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..._exceptions import ConfigurationError

_VERSION = 1
_APPLICATION = 0x6D65736C
"""`mesl`: tells our databases from those of other programs."""
_BUSY = 5.0
"""Seconds to wait for another process that writes."""

# `tick` counts the writes of heartbeats: what has a later one than a process has seen was
# renewed since. `floor` is the revision of every service that has no instance.
_SCHEMA = (
    """CREATE TABLE state (epoch TEXT NOT NULL, revision INTEGER NOT NULL,
    tick INTEGER NOT NULL, floor INTEGER NOT NULL)""",
    """CREATE TABLE instances (service TEXT NOT NULL, id TEXT NOT NULL, tick INTEGER NOT NULL,
    ttl REAL NOT NULL, text TEXT NOT NULL, PRIMARY KEY (service, id)) WITHOUT ROWID""",
    "CREATE INDEX instances_by_tick ON instances (tick)",
    "CREATE TABLE services (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE changes (revision INTEGER PRIMARY KEY, service TEXT NOT NULL,
    id TEXT NOT NULL)""",
)


def open_database(path: str) -> sqlite3.Connection:
    """
    The database at *path*, made when there is none.

    Raises sqlite3.Error, and ConfigurationError for a database that is not ours.
    """
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        # Of several processes that start at once, one sets it for all; it stays in the file.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        # A crash of the machine may lose the last changes, but not the database; whoever is
        # missing then registers again at its next heartbeat.
        connection.execute("PRAGMA synchronous = NORMAL")
        with transaction(connection):
            _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO state (epoch, revision, tick, floor) VALUES (?, 0, 0, 0)",
            (secrets.token_hex(8),),
        )
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    elif application != _APPLICATION:
        raise ConfigurationError(f"{path} is the database of another program", path="path")
    elif version != _VERSION:
        raise ConfigurationError(
            f"{path} has version {version} of the registry's tables, "
            f"and this meshlib knows version {_VERSION}",
            path="path",
        )


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Do all that is done inside, or nothing of it."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors end it by themselves
            connection.execute("ROLLBACK")
        raise
