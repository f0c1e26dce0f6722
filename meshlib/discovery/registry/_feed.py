"""
Telling those who wait, on one event loop, that a list has changed.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import anyio
import anyio.to_thread

from .._timing import Timing
from ._expiry import Key
from ._ledger import Ledger
from ._snapshot import Snapshot

_LOGGER = logging.getLogger("meshlib")
_POLL = 0.2
"""
Seconds between two looks at the database, for what other processes wrote and who expired.

A look costs a tenth of a millisecond when nothing was written.
"""
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class _Batch:
    """Heartbeats that are written together."""

    def __init__(self) -> None:
        self.keys: set[Key] = set()
        self.unknown: set[Key] | None = None
        self.error: sqlite3.Error | None = None


class Feed:
    """
    The ledger as seen from one event loop.

    Whoever waits first looks at the database for all who wait; when he goes, another does.
    In an application's lifespan `run` does it, and then the dead are removed even while
    nobody asks.
    """

    def __init__(self, ledger: Ledger, timing: Timing) -> None:
        self._ledger = ledger
        self._timing = timing
        # The database takes one at a time; its queue must not fill the threads of others.
        self._limiter = anyio.CapacityLimiter(1)
        self._beating = anyio.Lock()
        self._batch = _Batch()
        self._waiting: dict[str, tuple[int, set[anyio.Event]]] = {}
        self._polling = False
        self._resident = False
        self._vacant = anyio.Event()
        self._revision = -1
        self._failing = False
        self.closed = False

    async def do(self, work: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """Run what blocks in a thread, and tell who waits of what it changed."""
        try:
            return await anyio.to_thread.run_sync(work, *args, limiter=self._limiter)
        finally:
            self._announce()

    async def beat(self, key: Key) -> bool:
        """Take a heartbeat of *key*; False if it is unknown. Written with those that wait."""
        while True:
            batch = self._batch
            batch.keys.add(key)
            async with self._beating:
                if batch is self._batch:
                    self._batch = _Batch()
                    await self._write(batch)
            if batch.error is not None:
                raise sqlite3.OperationalError(str(batch.error)) from batch.error
            if batch.unknown is not None:
                return key not in batch.unknown
            # Whoever was to write it has been cancelled.

    async def _write(self, batch: _Batch) -> None:
        try:
            batch.unknown = await self.do(self._ledger.beat, batch.keys)
        except sqlite3.Error as exc:
            batch.error = exc

    def now(self, service: str) -> Snapshot:
        """The list of *service* at this moment."""
        return self._ledger.snapshot(service)

    async def next(self, service: str, cursor: str) -> Snapshot:
        """The list of *service* as soon as it is not the one at *cursor*, or this is closed."""
        while True:
            snapshot = self._ledger.snapshot(service)
            if snapshot.cursor != cursor or self.closed:
                return snapshot
            event = anyio.Event()
            _, waiting = self._waiting.setdefault(service, (snapshot.revision, set()))
            waiting.add(event)
            try:
                if self._polling or self._resident:
                    await event.wait()
                else:
                    await self._poll(event)
            finally:
                waiting.discard(event)
                if not waiting and self._waiting.get(service, (0, None))[1] is waiting:
                    del self._waiting[service]
                self._hand_over()

    async def run(self) -> None:
        """Look at the database until this is cancelled."""
        self._resident = True
        try:
            if self._polling:  # by one who waits, and who leaves it to this now
                self._vacant = anyio.Event()
                await self._vacant.wait()
            await self._poll(None)
        finally:
            self._resident = False
            self._hand_over()

    def close(self) -> None:
        """Let everybody go who waits, now and later."""
        self.closed = True
        self._wake(list(self._waiting))

    async def _poll(self, until: anyio.Event | None) -> None:
        self._polling = True
        self._ledger.attend()
        try:
            while until is None or not (until.is_set() or self._resident):
                await self._timing.sleep(_POLL)
                await self._look()
        finally:
            self._polling = False
            self._ledger.leave()
            self._vacant.set()

    def _hand_over(self) -> None:
        """Have one of those who wait look from now on, if nobody does."""
        if self._polling or self._resident:
            return
        for _, waiting in self._waiting.values():
            for event in waiting:
                event.set()
                return

    async def _look(self) -> None:
        try:
            await self.do(self._ledger.refresh)
        except sqlite3.Error as exc:
            if not self._failing:
                _LOGGER.warning("the registry cannot use its database: %s", exc)
            self._failing = True
        else:
            self._failing = False

    def _announce(self) -> None:
        revision = self._ledger.revision
        if revision != self._revision:
            self._revision = revision
            seen = [(service, before) for service, (before, _) in self._waiting.items()]
            self._wake([one for one, before in seen if self._ledger.list_revision(one) != before])

    def _wake(self, services: list[str]) -> None:
        for service in services:
            for event in self._waiting.pop(service)[1]:
                event.set()
