"""What has become of requests, in numbers."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMetrics:
    """
    Requests since the process began, or since it was forked.

    *served* are those that the application was to answer; *failed* of them ended with a
    status of 500 or above, or with an error, and *seconds* is how long they took together.
    *refused* counts by reason. *limit* is how many may be *in_flight* now, None without a
    limit, and *shed* who was turned away by it, by priority, the lowest first. *faults*
    counts requests that met one.
    """

    served: int = 0
    failed: int = 0
    refused: Mapping[str, int]
    in_flight: int = 0
    seconds: float = 0.0
    limit: int | None = None
    shed: tuple[int, ...] = ()
    faults: int = 0


class Counters:
    """
    Counts what `InboundMetrics` tells. Thread-safe.

    Every request has a number, and the usual ones only leave their time in `log`, which
    needs no lock; whoever asks adds it all up.
    """

    __slots__ = (
        "_asked", "_ended", "_failed", "_faults", "_lock", "_refused", "_seconds", "_served",
        "first", "log", "number",
    )  # fmt: skip

    def __init__(self) -> None:
        # Goes on in a forked child, so that it knows which requests are its parent's.
        self.number: Callable[[], int] = itertools.count().__next__
        """Gives the number of a request that has arrived."""
        self.renew()

    def renew(self) -> None:
        """A forked child starts with no request in flight, and counts its own."""
        self._lock = threading.Lock()
        self._served = self._failed = self._faults = 0
        self._seconds = 0.0
        self._refused: dict[str, int] = {}
        self.log: deque[float] = deque()
        """How long requests took that ended well, and were not added up yet."""
        self.first = self.number() + 1
        """The number of the first request that is this process's."""
        self._asked = self._ended = 0

    def ended(self, number: int, elapsed: float, failed: bool, faulted: bool) -> None:
        """A request that was not refused is over."""
        with self._lock:
            self._served += 1
            self._failed += failed
            self._faults += faulted
            self._seconds += elapsed
            self._ended += number >= self.first

    def refused(self, number: int, reason: str) -> None:
        """A request was refused for *reason*."""
        with self._lock:
            self._refused[reason] = self._refused.get(reason, 0) + 1
            self._ended += number >= self.first

    def probed(self, number: int) -> None:
        """A request only asked for the load, and counts as none."""
        with self._lock:
            self._ended += number >= self.first

    def add_up(self) -> None:
        """Empty `log`."""
        with self._lock:
            self._add_up()

    def _add_up(self) -> None:
        log = self.log
        count = len(log)  # what comes meanwhile waits for the next time
        for _ in range(count):
            self._seconds += log.popleft()
        self._served += count
        self._ended += count

    def metrics(self, limit: int | None, shed: tuple[int, ...]) -> InboundMetrics:
        """The numbers of this moment, which belong together."""
        with self._lock:
            self._add_up()
            # Only by taking a number can be seen how many were given.
            arrived = self.number() - self.first - self._asked
            self._asked += 1
            return InboundMetrics(
                served=self._served,
                failed=self._failed,
                refused=dict(self._refused),
                in_flight=arrived - self._ended,
                seconds=self._seconds,
                limit=limit,
                shed=shed,
                faults=self._faults,
            )
