"""
When retries feed an overload rather than get calls through.

A metastable failure goes on after its cause has ended, because what it sets off, retries of
all that is late, keeps the service too busy to end it (Bronson et al., "Metastable Failures
in Distributed Systems", HotOS 2021). It shows in two numbers together: more attempts are
made than in good times, and fewer of them are answered well.
"""

from __future__ import annotations

import math
from threading import Lock
from typing import NamedTuple

_WINDOW = 0.05
"""Seconds of a window: few retries get out before it is judged, a tenth of a second's calls."""
_ENOUGH = 20
"""Attempts that a window needs to count, and good answers that are to be expected in it."""
_MEMORY = 10.0
"""Seconds after which good times are forgotten by two thirds, and a window ends in any case."""
_RISE = 0.05
"""Attempts per call above those of good times."""
_FALL = 0.8
"""Share of the good answers, and of the attempts, of good times below which is a fall."""
_SIGMAS = 3.0
"""Standard deviations of a number drawn by chance that a rise or a fall is beyond."""
_WELL = 0.9
"""Share of what was answered well in good times at which it is over."""
_HOLD = 10.0
"""Seconds after which retries are tried again in any case."""


class Counts(NamedTuple):
    """What a service has done so far: numbers that only grow."""

    calls: int
    """Those that made an attempt."""
    attempts: int
    good: int
    """Attempts that ended well."""


class RetryGuard:
    """
    Withholds retries and hedges while they keep a service overloaded.

    `look` is told what the service has done and compares the time since the last look, a
    twentieth of a second at least and long enough for 20 attempts and answers, with an average
    of the last ten seconds in which nothing was withheld. It begins when, in that time,

    * calls made 0.05 attempts more each than in the average, and
    * no less than 0.8 as many attempts a second were made, and
    * less than 0.8 as many a second were answered well,

    all by so much that it is no chance (three standard deviations).

    It ends with a window in which nine tenths of the share that was answered well before is
    answered well again, and after 10 s in any case: if retries do harm still, it
    begins anew within a window. First attempts are never asked about.

    It cannot begin while retries get calls through, since those answers are good, nor when
    fewer calls are made, nor when a service fails and nothing is tried again.

    `withheld` counts what was; `lost` are attempts that ended neither well nor as a failure of
    their endpoint, which the service counts for it. Thread-safe.
    """

    __slots__ = (
        "_began", "_counts", "_last", "_lock", "_usual_attempts", "_usual_calls", "_usual_good",
        "active", "lost", "withheld",
    )  # fmt: skip

    def __init__(self) -> None:
        self.withheld = 0
        """Retries and hedges that were not made."""
        self.lost = 0
        self._usual_calls = self._usual_attempts = self._usual_good = 0.0
        self._last = self._began = -math.inf
        self._counts: Counts | None = None
        self.renew()

    def due(self, now: float) -> bool:
        """Whether `look` would look: what is to be told need not be added up before."""
        return not 0.0 <= now - self._last < _WINDOW

    def look(self, now: float, counts: Counts) -> bool:
        """Judge the time since the last look; True when that began or ended something."""
        with self._lock:
            before, elapsed = self._counts, now - self._last
            if before is None or elapsed < 0.0:
                self._last, self._counts = now, counts
                return self._set(False, now)
            calls = counts.calls - before.calls
            attempts = counts.attempts - before.attempts
            # Where fewer good answers are to be expected, none at all may be chance.
            few = attempts < _ENOUGH or 0.0 < self._usual_good * elapsed < _ENOUGH
            if elapsed < _WINDOW or (few and elapsed < _MEMORY):
                return False
            good = max(counts.good - before.good, 0)
            self._last, self._counts = now, counts
            if self.active:
                well = good * self._usual_calls >= _WELL * self._usual_good * attempts
                return self._set(not well and now - self._began < _HOLD, now)
            if attempts >= _ENOUGH and self._is_storm(elapsed, calls, attempts, good):
                return self._set(True, now)
            self._learn(elapsed, calls, attempts, good)
            return False

    def withhold(self) -> bool:
        """Whether a retry or hedge must not be made now; counts it if so."""
        if not self.active:
            return False
        with self._lock:
            self.withheld += 1
        return True

    def renew(self) -> None:
        """A forked child has made no calls, and knows good times as well as its parent."""
        self._lock = Lock()
        self.active = False
        """Whether retries and hedges are withheld."""
        self._last = self._began = -math.inf
        self._counts = None

    def _is_storm(self, elapsed: float, calls: int, attempts: int, good: int) -> bool:
        if not self._usual_calls:
            return False
        again = calls * (self._usual_attempts / self._usual_calls - 1.0)
        more = attempts - calls - again
        wanted, usual = self._usual_good * elapsed, self._usual_attempts * elapsed
        return (
            more >= _RISE * calls
            and more >= _SIGMAS * math.sqrt(max(again, 1.0))
            and attempts >= _FALL * usual - _SIGMAS * math.sqrt(usual)
            and good < _FALL * wanted
            and good < wanted - _SIGMAS * math.sqrt(wanted)
        )

    def _learn(self, elapsed: float, calls: int, attempts: int, good: int) -> None:
        # An average over time; the first window is all that is known.
        share = -math.expm1(-elapsed / _MEMORY) if self._usual_calls else 1.0
        self._usual_calls += share * (calls / elapsed - self._usual_calls)
        self._usual_attempts += share * (attempts / elapsed - self._usual_attempts)
        self._usual_good += share * (good / elapsed - self._usual_good)

    def _set(self, active: bool, now: float) -> bool:
        changed = active is not self.active
        self.active = active
        if changed and active:
            self._began = now
        return changed
