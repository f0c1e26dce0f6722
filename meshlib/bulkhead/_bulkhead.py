"""The permits of one service, and the queue for them."""

from __future__ import annotations

import math
import random
import threading
from collections import OrderedDict, deque
from typing import Protocol

from ._options import BulkheadOptions
from .limits import AdaptiveOptions, DropLimit, Limit, make_limit

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
    call gets none while another waits. With no limit it only counts. With `adaptive` options
    the limit follows what `observe` is told.

    Thread-safe, over any number of threads and event loops. Never blocks for longer than
    a few additions, and not at all while nobody waits and no more calls are in flight than
    have been before. `in_flight`, `peak`, `rejected` and `abandoned` may be read without a
    lock; a permit that changes hands at that moment may be missing from `in_flight`.
    """

    # A permit is an item of `_free` or of `_taken`. A thread moves it with one `pop` and one
    # `append`, each atomic with and without the GIL: no two threads get the same item.
    #
    # That is enough while `_crowded` is false. Who sets it, under the lock, pops from
    # `_free` afterwards; who appends to `_free` looks at it afterwards. Whichever of pop and
    # append comes second therefore knows of the other thread, and no permit lies in `_free`
    # while somebody waits for it. A look at the length would not do in place of the pop.

    __slots__ = (
        "_crowded", "_free", "_limit", "_lock", "_lost", "_made", "_most", "_named", "_rng",
        "_taken", "_waiting", "abandoned", "adaptive", "attentive", "max_concurrency", "max_queue",
        "max_wait", "peak", "rejected",
    )  # fmt: skip

    def __init__(
        self, options: BulkheadOptions = _DEFAULTS, *, rng: random.Random | None = None
    ) -> None:
        self._rng = rng
        self._named: AdaptiveOptions | None = None
        self.adaptive: Limit | None = None
        """What finds the limit; None when it is what the options say."""
        self.rejected = 0
        """Calls that `enqueue` refused."""
        self.abandoned = 0
        """Calls that left the queue without a permit: timed out or cancelled."""
        self.peak = 0
        """Most calls in flight at once."""
        self._read(options)
        self.renew()

    def _read(self, options: BulkheadOptions) -> None:
        self._most = options.max_concurrency
        self.max_queue = options.max_queue
        self.max_wait = options.max_wait
        named = None if self._most is None else options.adaptive
        if named != self._named:
            self._named = named
            self.adaptive = None if named is None else make_limit(named, self._rng)
        self._follow()

    def _follow(self) -> None:
        limit = self._most
        if limit is not None and self.adaptive is not None:
            limit = min(limit, self.adaptive.limit)
        self.max_concurrency = limit
        self.attentive = self.adaptive is not None and not self.adaptive.idle
        """Whether `observe` is to be told of attempts that ended well, too."""
        self._limit: float = math.inf if limit is None else limit

    @property
    def in_flight(self) -> int:
        """Calls that have a permit."""
        return len(self._taken)

    @property
    def queued(self) -> int:
        """Calls that wait for a permit."""
        return len(self._waiting)

    def try_acquire(self) -> bool:
        """Take a permit; False when all are taken or another call already waits for one."""
        if self._crowded:
            return False
        try:
            self._taken.append(self._free.pop())
        except IndexError:
            if self._made >= self._limit:
                return False
            with self._lock:
                return not self._crowded and self._take()
        return True

    def enqueue(self, waiter: Waiter) -> bool:
        """
        Queue for a permit; False when the queue is full.

        *waiter* is set at once when a permit came free since `try_acquire`.
        """
        with self._lock:
            if not self._waiting and self._take():
                granted = [waiter]
            elif len(self._waiting) >= self.max_queue:
                self.rejected += 1
                return False
            else:
                self._waiting[id(waiter)] = waiter
                granted = self._settle()
        self._wake(granted)
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
                self._look()
                return False
            return self._lost.pop(id(waiter), None) is None

    def release(self) -> None:
        """
        Give a permit back, to the first in the queue if there is one.

        One permit too many, from a call that a forked child inherited, is ignored.
        """
        if self._crowded:
            with self._lock:
                waiter = self._pass_on()
            if waiter is not None:
                self._wake([waiter])
            return
        try:
            self._free.append(self._taken.pop())
        except IndexError:
            return
        if self._crowded:
            # Somebody queued since the first look, and may have missed this permit.
            with self._lock:
                granted = self._settle()
            self._wake(granted)

    def observe(self, now: float, elapsed: float, *, dropped: bool = False) -> None:
        """
        Let an adaptive limit learn from an attempt that ended at *now* after *elapsed* seconds.

        *dropped*: it found no answer in time, or was shed. Tell nothing of attempts that
        were cancelled or failed otherwise. Waiters that now fit get their permit.
        """
        if not (dropped or self.attentive):
            return
        with self._lock:
            if self.adaptive is None:
                return
            self.adaptive.sample(now, elapsed, len(self._taken), dropped)
            self._follow()
            granted = self._settle()
        self._wake(granted)

    def flooded(self, now: float) -> bool:
        """Whether attempts that are late are owed to too many calls; see `DropLimit.flooded`."""
        return isinstance(self.adaptive, DropLimit) and self.adaptive.flooded(now)

    def renew(self) -> None:
        """A forked child starts with no call in flight and nobody in the queue."""
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, Waiter] = OrderedDict()
        self._lost: dict[int, Waiter] = {}  # could not be set; kept so that no id is reused
        # Deques, because a list that goes from empty to one item and back allocates.
        self._free: deque[None] = deque()
        self._taken: deque[None] = deque()
        self._made = 0  # permits that exist, free or taken; the others are made when needed
        # An `object` to type checkers, or they take the second look of a call for its first.
        self._crowded: object = False
        self.peak = 0
        if self.adaptive is not None:
            self.adaptive.renew()

    def resize(self, options: BulkheadOptions) -> None:
        """
        Take new limits while calls are in flight.

        Waiters that now fit get their permit. Lower limits cut nobody off: calls in
        flight end, and who is in the queue stays there.
        """
        with self._lock:
            self._read(options)
            granted = self._settle()
        self._wake(granted)

    def _take(self) -> bool:
        # Caller must hold the lock. The first look only saves an exception.
        if (self._free and self._pop_free()) or self._make():
            self._taken.append(None)
            return True
        return False

    def _pop_free(self) -> bool:
        # True when the caller now owns a permit that was free.
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def _make(self) -> bool:
        # Caller must hold the lock. None is free, so as many calls are in flight as
        # permits exist: making one makes a peak.
        if self._made >= self._limit:
            return False
        self._made += 1
        if self._made > self.peak:
            self.peak = self._made
        return True

    def _settle(self) -> list[Waiter]:
        # Caller must hold the lock, and wake whom this returns without it.
        granted: list[Waiter] = []
        self._look()
        while self._crowded and (self._pop_free() or self._make()):
            if self._made > self._limit:
                self._made -= 1
            else:
                self._taken.append(None)
                granted.append(self._waiting.popitem(last=False)[1])
            self._look()
        return granted

    def _look(self) -> None:
        # Caller must hold the lock.
        self._crowded = bool(self._waiting) or self._made > self._limit

    def _pass_on(self) -> Waiter | None:
        # Caller must hold the lock. Returns who has the permit now. It never lies in `_free`
        # in between, where a call that looked at `_crowded` long ago could take it.
        try:
            self._taken.pop()
        except IndexError:
            return None
        waiter: Waiter | None = None
        if self._made > self._limit:
            self._made -= 1
        elif self._waiting:
            self._taken.append(None)
            waiter = self._waiting.popitem(last=False)[1]
        else:
            self._free.append(None)
        self._look()
        return waiter

    def _wake(self, granted: list[Waiter]) -> None:
        # Called without the lock.
        for waiter in granted:
            try:
                waiter.set()
            except Exception:
                # Its loop is closed, so nobody would ever release this permit: it goes to one
                # that came after all of these.
                with self._lock:
                    self._lost[id(waiter)] = waiter
                    following = self._pass_on()
                if following is not None:
                    granted.append(following)
