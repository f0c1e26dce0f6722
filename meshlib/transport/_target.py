"""
An endpoint with its live state: load, breaker, counters, and how to aim at it.
"""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlsplit

from .._models import Endpoint, LoadSignal, OutcomeClass, Verdict
from ..balancing import Baseline, Load
from ..breaker import Breaker, OutlierStats

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_MEASURED = LoadSignal.MEASURED
_PENALISED = LoadSignal.PENALISED
_AT_LEAST = LoadSignal.AT_LEAST
_SUCCESS = Verdict.SUCCESS

HISTOGRAM_SIZE = 80


class Target:
    """
    One endpoint and everything the mesh knows of it.

    `lock` guards `load`, `outlier` and the counters, for a few additions at a time.
    Thread-safe. A target outlives the snapshots it appears in: a change of weight,
    priority or metadata keeps it.
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
        "label",
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
        self.histogram = [0] * HISTOGRAM_SIZE
        self.urls: dict[bytes, Any] = {}
        self.tls: Any = None
        """The `Credentials` of its service; None: TLS is that of the client."""
        parts = urlsplit(self.address)
        host, port = parts.hostname or "", parts.port or 0
        bracketed = f"[{host}]" if ":" in host else host
        self.scheme = parts.scheme.encode("ascii")
        self.host = host.encode("ascii")
        self.port = port
        self.prefix = parts.path.encode("ascii")
        default = port == _DEFAULT_PORTS.get(parts.scheme, 0)
        self.host_header = (bracketed if default else f"{bracketed}:{port}").encode("ascii")
        self.label = f"{bracketed}:{port}"

    def __repr__(self) -> str:
        return f"<Target {self.address}>"

    def begin(self, number: int) -> None:
        """Count an attempt in flight; `release` gives it back."""
        with self.lock:
            self.load.in_flight += 1
            self.attempts += 1
            if number > 1:
                self.retries += 1

    def release(self) -> None:
        """The attempt is no longer in flight: its body is closed, or it has no body."""
        with self.lock:
            self.load.in_flight -= 1

    def settle(
        self,
        outcome: OutcomeClass,
        now: float,
        elapsed: float,
        hint: float,
    ) -> None:
        """Record an outcome with load, outlier statistics and counters."""
        signal = outcome.load
        verdict = outcome.verdict
        with self.lock:
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
                # Two buckets an octave, from 1 µs; `telemetry.bucket_limit` says where they end.
                micros = int(elapsed * 1e6)
                bits = micros.bit_length()
                if bits > 1:
                    bits = (bits << 1) | ((micros >> (bits - 2)) & 1)
                self.histogram[bits if bits < HISTOGRAM_SIZE else HISTOGRAM_SIZE - 1] += 1

    def renew(self) -> None:
        """A forked child starts with no call in flight."""
        self.lock = threading.Lock()
        self.load.renew()
        self.breaker.renew()
