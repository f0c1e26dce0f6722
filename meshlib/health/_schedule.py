"""
Which endpoint is to be checked when.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterable

from .._models import Endpoint
from ._options import HealthCheckOptions
from ._state import CheckState
from ._status import CheckStatus


class Entry:
    """One endpoint, and what its checks have found."""

    __slots__ = ("address", "endpoint", "gone", "running", "state", "status", "turn")

    def __init__(self, endpoint: Endpoint, options: HealthCheckOptions) -> None:
        self.endpoint = endpoint
        self.address = endpoint.address
        self.state = CheckState(options)
        self.status = CheckStatus()
        self.running = False
        self.gone = False
        self.turn = 0
        """The place in the queue that counts; earlier ones of the same entry are void."""


class Schedule:
    """
    The endpoints of one service in the order in which their checks are due.

    Endpoints are reconciled by address, and one that stays keeps its state. Pure; not
    thread-safe. All instants are on the clock of the caller.
    """

    def __init__(self, options: HealthCheckOptions, rng: random.Random) -> None:
        self.entries: dict[str, Entry] = {}
        self._options = options
        self._rng = rng
        self._by_url: dict[str, Entry] = {}
        self._queue: list[tuple[float, int, Entry]] = []
        self._turns = itertools.count(1)

    def update(self, endpoints: Iterable[Endpoint], now: float) -> tuple[list[Entry], list[Entry]]:
        """Take a whole new list; return the entries that came and those that left."""
        known = self.entries
        entries: dict[str, Entry] = {}
        by_url: dict[str, Entry] = {}
        came: list[Entry] = []
        for endpoint in endpoints:
            # To work out an address takes longer than all the rest.
            entry = self._by_url.get(endpoint.url) or known.get(endpoint.address)
            if entry is None:
                entry = entries.get(endpoint.address)
                if entry is None:
                    entry = Entry(endpoint, self._options)
                    came.append(entry)
            entry.endpoint = endpoint
            entries[entry.address] = by_url[endpoint.url] = entry
        left = [entry for address, entry in known.items() if address not in entries]
        for entry in left:
            entry.gone = True
        self.entries, self._by_url = entries, by_url
        # More first checks than may be in flight at once would only wait for each other.
        full = self._options.max_concurrency / max(len(came), 1)
        spread = self._options.interval * max(0.0, 1.0 - full)
        for entry in came:
            self._put(entry, now + self._options.initial_delay + spread * self._rng.random())
        return came, left

    @property
    def next_due(self) -> float:
        """The instant of the next check; infinite when none is to come."""
        queue = self._queue
        while queue and self._is_void(queue[0]):
            heapq.heappop(queue)
        return queue[0][0] if queue else float("inf")

    def take(self, now: float) -> Entry | None:
        """The entry whose check is due and begins now; `finish` must follow."""
        if self.next_due > now:
            return None
        entry = heapq.heappop(self._queue)[2]
        entry.running = True
        return entry

    def finish(self, entry: Entry, reason: str | None, now: float) -> bool:
        """
        Record that a check failed for *reason*, or passed: None; whether that changed its state.

        An entry that has left meanwhile is forgotten.
        """
        entry.running = False
        if entry.gone:
            return False
        state = entry.state
        changed = state.record(reason is None, now)
        due = now + state.wait(now, self._rng)
        entry.status = CheckStatus(
            healthy=state.healthy,
            last_checked=now,
            consecutive=state.row,
            reason=reason or "",
            next_check=due,
        )
        self._put(entry, due)
        return changed

    def restart(self, now: float) -> None:
        """Have checks that were begun, and will never be finished, be due again."""
        for entry in self.entries.values():
            if entry.running:
                entry.running = False
                self._put(entry, now)

    def _put(self, entry: Entry, due: float) -> None:
        entry.turn = next(self._turns)
        heapq.heappush(self._queue, (due, entry.turn, entry))

    def _is_void(self, place: tuple[float, int, Entry]) -> bool:
        _, turn, entry = place
        return entry.gone or entry.running or entry.turn != turn
