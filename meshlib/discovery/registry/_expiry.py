"""
Who has not been heard of for too long.
"""

from __future__ import annotations

import heapq

Key = tuple[str, str]
"""Service and instance."""

_SLACK = 1000
"""Entries of the queue that may be out of date before it is made anew."""


class Leases:
    """
    The instants at which instances expire, on a monotonic clock.

    Looking for expired ones costs by their number, not by that of all. Not thread-safe.
    """

    def __init__(self) -> None:
        self._deadlines: dict[Key, float] = {}
        self._queued: dict[Key, float] = {}
        self._queue: list[tuple[float, Key]] = []
        self._forgiven = 0.0

    def __len__(self) -> int:
        return len(self._deadlines)

    def renew(self, key: Key, ttl: float, now: float) -> None:
        """Have *key* expire *ttl* seconds from *now*."""
        deadline = self._deadlines[key] = now - self._forgiven + ttl
        queued = self._queued.get(key)
        if queued is None or deadline < queued:
            self._push(key, deadline)

    def forget(self, key: Key) -> None:
        """Have *key* never expire; it is gone."""
        self._deadlines.pop(key, None)

    def forgive(self, seconds: float) -> None:
        """Count *seconds* in which nobody could be heard against nobody."""
        self._forgiven += seconds

    def expired(self, now: float) -> list[Key]:
        """Who has expired by *now*; they are forgotten."""
        now -= self._forgiven
        gone = []
        while self._queue and self._queue[0][0] <= now:
            queued, key = heapq.heappop(self._queue)
            if self._queued.get(key) != queued:
                continue  # an earlier entry took its place
            del self._queued[key]
            deadline = self._deadlines.get(key)
            if deadline is None:
                continue
            if deadline <= now:
                del self._deadlines[key]
                gone.append(key)
            else:
                self._push(key, deadline)
        return gone

    def _push(self, key: Key, deadline: float) -> None:
        self._queued[key] = deadline
        heapq.heappush(self._queue, (deadline, key))
        if len(self._queue) > 2 * len(self._deadlines) + _SLACK:
            self._queued = dict(self._deadlines)
            self._queue = [(at, key) for key, at in self._deadlines.items()]
            heapq.heapify(self._queue)
