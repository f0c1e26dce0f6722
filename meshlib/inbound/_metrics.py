"""What has become of requests, in numbers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
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
    """Counts what `InboundMetrics` tells. Thread-safe."""

    __slots__ = ("_failed", "_faults", "_in_flight", "_lock", "_refused", "_seconds", "_served")

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """A forked child starts with no request in flight, and counts its own."""
        self._lock = threading.Lock()
        self._served = self._failed = self._in_flight = self._faults = 0
        self._seconds = 0.0
        self._refused: dict[str, int] = {}

    def began(self) -> None:
        """A request is in flight."""
        with self._lock:
            self._in_flight += 1

    def ended(self, elapsed: float, failed: bool, faulted: bool) -> None:
        """A request that was in flight is over."""
        with self._lock:
            self._in_flight = max(0, self._in_flight - 1)  # it may be of the parent's
            self._served += 1
            self._failed += failed
            self._faults += faulted
            self._seconds += elapsed

    def refused(self, reason: str) -> None:
        """A request was refused for *reason*."""
        with self._lock:
            self._refused[reason] = self._refused.get(reason, 0) + 1

    def metrics(self, limit: int | None, shed: tuple[int, ...]) -> InboundMetrics:
        """The numbers of this moment, which belong together."""
        with self._lock:
            return InboundMetrics(
                served=self._served,
                failed=self._failed,
                refused=dict(self._refused),
                in_flight=self._in_flight,
                seconds=self._seconds,
                limit=limit,
                shed=shed,
                faults=self._faults,
            )
