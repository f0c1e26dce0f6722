"""The permits of one service, and the queue for them."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import Protocol

from ._options import BulkheadOptions

_DEFAULTS = BulkheadOptions()


class Waiter(Protocol):
    """
    What a queued call waits on, such as a `threading.Event`.

    It is told apart by identity and waits for one permit only.
    """

    def set(self) -> object:
        """
        Let the call go on, with a permit.

        Called from the thread that releases, which may be any, without a lock held; it
        must not block. When it raises, as the waiter of a closed event loop does, the
        permit goes to the next in the queue.
        """


class Bulkhead:
    """
    Caps the calls in flight at `max_concurrency`, and the queue behind them at `max_queue`.

    Permits go to queued calls in the order they came, and nobody overtakes them: a new
    call gets none while another waits. With no limit it only counts.

    Thread-safe, over any number of threads and event loops. Never blocks for longer than
    a few additions. `in_flight`, `peak`, `rejected` and `abandoned` may be read without
    a lock.
    """

    __slots__ = (
        "_limit",
        "_lock",
        "_lost",
        "_waiting",
        "abandoned",
        "in_flight",
        "max_concurrency",
        "max_queue",
        "max_wait",
        "peak",
        "rejected",
    )

    def __init__(self, options: BulkheadOptions = _DEFAULTS) -> None:
        self.rejected = 0
        """Calls that `enqueue` refused."""
        self.abandoned = 0
        """Calls that left the queue without a permit: timed out or cancelled."""
        self.in_flight = 0
        self.peak = 0
        """Most calls in flight at once."""
        self._read(options)
        self.renew()

    def _read(self, options: BulkheadOptions) -> None:
        self.max_concurrency = options.max_concurrency
        self.max_queue = options.max_queue
        self.max_wait = options.max_wait
        limit = options.max_concurrency
        self._limit: float = math.inf if limit is None else limit

    @property
    def queued(self) -> int:
        """Calls that wait for a permit."""
        return len(self._waiting)

    def try_acquire(self) -> bool:
        """Take a permit; False when all are taken or another call already waits for one."""
        with self._lock:
            in_flight = self.in_flight
            if in_flight >= self._limit or self._waiting:
                return False
            self.in_flight = in_flight = in_flight + 1
            if in_flight > self.peak:
                self.peak = in_flight
        return True

    def enqueue(self, waiter: Waiter) -> bool:
        """
        Queue for a permit; False when the queue is full.

        *waiter* is set at once when a permit came free since `try_acquire`.
        """
        with self._lock:
            if self.in_flight < self._limit and not self._waiting:
                self._grant()
            elif len(self._waiting) < self.max_queue:
                self._waiting[id(waiter)] = waiter
                return True
            else:
                self.rejected += 1
                return False
        self._wake(waiter)
        return True

    def abandon(self, waiter: Waiter) -> bool:
        """
        Leave the queue: the wait timed out or was cancelled.

        True when the permit had been granted already: the caller now owns it and must
        release it. Call it at most once, for a waiter that was queued.
        """
        with self._lock:
            if self._waiting.pop(id(waiter), None) is not None:
                self.abandoned += 1
                return False
            return self._lost.pop(id(waiter), None) is None

    def release(self) -> None:
        """
        Give a permit back, to the first in the queue if there is one.

        One permit too many, from a call that a forked child inherited, is ignored.
        """
        with self._lock:
            if not self._waiting:
                if self.in_flight:
                    self.in_flight -= 1
                return
            waiter = self._pass_on()
        if waiter is not None:
            self._wake(waiter)

    def renew(self) -> None:
        """A forked child starts with no call in flight and nobody in the queue."""
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, Waiter] = OrderedDict()
        self._lost: dict[int, Waiter] = {}  # could not be set; kept so that no id is reused
        self.in_flight = 0
        self.peak = 0

    def resize(self, options: BulkheadOptions) -> None:
        """
        Take new limits while calls are in flight.

        Waiters that now fit get their permit. Lower limits cut nobody off: calls in
        flight end, and who is in the queue stays there.
        """
        granted: list[Waiter] = []
        with self._lock:
            self._read(options)
            while self._waiting and self.in_flight < self._limit:
                granted.append(self._waiting.popitem(last=False)[1])
                self._grant()
        for waiter in granted:
            self._wake(waiter)

    def _grant(self) -> None:
        # Caller must hold the lock.
        self.in_flight += 1
        if self.in_flight > self.peak:
            self.peak = self.in_flight

    def _pass_on(self) -> Waiter | None:
        # Caller must hold the lock. Returns who has the permit now; it stays in flight.
        if self._waiting and self.in_flight <= self._limit:
            return self._waiting.popitem(last=False)[1]
        self.in_flight -= 1
        return None

    def _wake(self, waiter: Waiter) -> None:
        # Called without the lock.
        following: Waiter | None = waiter
        while following is not None:
            try:
                following.set()
            except Exception:
                # Its loop is closed, so nobody would ever release this permit.
                with self._lock:
                    self._lost[id(following)] = following
                    following = self._pass_on()
            else:
                return
