"""
An endpoint with its live state: load, breaker, counters, and how to aim at it.
"""

from __future__ import annotations

import sysconfig
import threading
from bisect import bisect_right
from collections.abc import Callable
from functools import wraps
from typing import Any

from .._models import Endpoint, LoadSignal, OutcomeClass, Verdict
from ..balancing import Baseline, Load
from ..breaker import Breaker, OutlierStats

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_MEASURED = LoadSignal.MEASURED
_PENALISED = LoadSignal.PENALISED
_AT_LEAST = LoadSignal.AT_LEAST
_SUCCESS = Verdict.SUCCESS

HISTOGRAM_SIZE = 80
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
"""Whether this interpreter can run two threads at the same instant."""


def _edge(index: int) -> float:
    """Seconds at the lower edge of a bucket: two an octave, as `telemetry.bucket_limit` says."""
    if index < 4:
        return min(index, 2) / 1e6
    bits, half = index >> 1, index & 1
    return float((1 << (bits - 1)) + half * (1 << (bits - 2))) / 1e6


_EDGES = [_edge(index) for index in range(1, HISTOGRAM_SIZE)]


NO_OUTCOMES: Any = (0,) * HISTOGRAM_SIZE
"""The histogram of a target without one: of many endpoints most idle, and a list is 0.7 KB."""
NO_URLS: dict[Any, Any] = {}
"""The URLs of a target that none has been made for; nothing is ever put in."""
_SCHEMES = {scheme: scheme.encode("ascii") for scheme in _DEFAULT_PORTS}


class Target:
    """
    One endpoint and everything the mesh knows of it.

    Where threads run at the same instant, `lock` guards `load`, `outlier` and the counters,
    for a few additions at a time. Thread-safe. A target outlives the snapshots it appears
    in: a change of weight, priority or metadata keeps it.
    """

    __slots__ = (
        "added",
        "address",
        "attempts",
        "breaker",
        "endpoint",
        "failures",
        "healthy",
        "histogram",
        "host",
        "host_header",
        "injected",
        "load",
        "lock",
        "outlier",
        "port",
        "prefix",
        "removed",
        "retries",
        "scheme",
        "tls",
        "urls",
        "__weakref__",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        baseline: Baseline,
        breaker: Breaker,
        now: float,
        decay_time: float = 1.0,
        idle_decay_time: float = 5.0,
    ) -> None:
        self.endpoint = endpoint
        self.address = endpoint.address
        self.breaker = breaker
        self.load = Load(
            baseline,
            weight=endpoint.weight,
            decay_time=decay_time,
            idle_decay_time=idle_decay_time,
        )
        self.outlier = OutlierStats()
        self.lock = threading.Lock()
        self.added = now
        self.removed = False
        self.healthy = True
        self.attempts = 0
        self.retries = 0
        self.failures = 0
        self.injected = 0
        self.histogram = NO_OUTCOMES
        self.urls = NO_URLS
        self.tls: Any = None
        """The `Credentials` of its service; None: TLS is that of the client."""
        scheme, _, rest = self.address.partition("://")
        authority, slash, path = rest.partition("/")
        bracketed, _, port = authority.rpartition(":")
        self.scheme = _SCHEMES.get(scheme) or scheme.encode("ascii")
        self.host = bracketed.strip("[]").encode("ascii")
        self.port = int(port)
        self.prefix = f"{slash}{path}".encode("ascii")
        default = self.port == _DEFAULT_PORTS.get(scheme, 0)
        self.host_header = (bracketed if default else authority).encode("ascii")

    def __repr__(self) -> str:
        return f"<Target {self.address}>"

    @property
    def label(self) -> str:
        """`host:port`, which faults name it by."""
        return self.address.partition("://")[2].partition("/")[0]

    # With the GIL, CPython stops a thread only where it calls something or jumps backwards,
    # so each addition below is whole without the lock, which would cost several times as
    # much. Nothing else here has to agree. Without the GIL all four hold the lock.

    def begin(self, number: int) -> None:
        """Count an attempt in flight; `release` gives it back."""
        self.load.in_flight += 1
        self.attempts += 1
        if number > 1:
            self.retries += 1

    def release(self) -> None:
        """The attempt is no longer in flight: its body is closed, or it has no body."""
        self.load.in_flight -= 1

    def succeed(self, now: float, elapsed: float) -> None:
        """Record a success, as `settle` would."""
        self.load.observe(elapsed, now)
        stats = self.outlier
        stats.total += 1
        stats.successes += 1
        try:
            self.histogram[bisect_right(_EDGES, elapsed)] += 1
        except TypeError:  # it is the first
            self._count_first(elapsed)

    def settle(self, outcome: OutcomeClass, now: float, elapsed: float, hint: float) -> None:
        """Record an outcome with load, outlier statistics and counters."""
        signal = outcome.load
        verdict = outcome.verdict
        if signal is _MEASURED:
            self.load.observe(elapsed, now)
        elif signal is _PENALISED:
            self.load.penalise(now, hint)
        elif signal is _AT_LEAST:
            self.load.at_least(elapsed, now)
        if verdict:
            stats = self.outlier
            stats.total += 1
            if verdict is _SUCCESS:
                stats.successes += 1
            else:
                self.failures += 1
            try:
                self.histogram[bisect_right(_EDGES, elapsed)] += 1
            except TypeError:  # it is the first
                self._count_first(elapsed)

    def _count_first(self, elapsed: float) -> None:
        # As whole as the lines above: another thread sees the old value, or a list.
        if self.histogram is NO_OUTCOMES:
            self.histogram = [0] * HISTOGRAM_SIZE
        self.histogram[bisect_right(_EDGES, elapsed)] += 1

    def renew(self) -> None:
        """A forked child starts with no call in flight."""
        self.lock = threading.Lock()
        self.load.renew()
        self.breaker.renew()


def locked(method: Callable[..., None]) -> Callable[..., None]:
    """*method* of a target, run with its lock held."""

    @wraps(method)
    def guarded(self: Target, *arguments: Any) -> None:
        with self.lock:
            method(self, *arguments)

    return guarded


if FREE_THREADED:
    for _name in ("begin", "release", "succeed", "settle"):
        setattr(Target, _name, locked(getattr(Target, _name)))
