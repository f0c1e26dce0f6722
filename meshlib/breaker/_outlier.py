"""
Leaving out endpoints that do worse than their peers.

The rules are Envoy's (`outlier_detection.proto`), with gRPC A50's "at least one may be
ejected": Envoy's own default share of 10 % never ejects anything among nine endpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ._options import OutlierOptions
from ._outlier_stats import Key, OutlierStats, SweepResult
from ._success_rate import SuccessRates

_SUCCESS_RATE = "success_rate"
_FAILURE_RATIO = "failure_ratio"

_Sample = tuple[Key, OutlierStats, int, int]  # with successes and total of the interval


class OutlierDetector:
    """
    Compares the endpoints of one service once every *interval*.

    A sweep readmits those whose time is over, closes the interval, judges exactly that
    one, and lets the memory of earlier ejections fade, in this order. Nothing runs in
    between: whoever owns it calls `sweep` once `next_sweep` has come. A sweep that comes
    late judges a longer interval.

    An ejection lasts `base_ejection_time` times the number of recent ejections of that
    endpoint, up to `max_ejection_time`; each interval without one, an interval after it
    came back, takes one off. An ejected endpoint is not judged, and what it did until it
    is readmitted counts for nothing.

    Not thread-safe: its owner sweeps from one thread at a time. The counters may be
    added to meanwhile.
    """

    __slots__ = ("_longest", "_options", "next_sweep")

    def __init__(self, options: OutlierOptions) -> None:
        self._options = options
        # Envoy's rule: a maximum below the base means the base.
        self._longest = max(options.max_ejection_time, options.base_ejection_time)
        self.next_sweep = -math.inf
        """When to sweep next. The first sweep is due at once and begins the first interval."""

    def sweep(self, hosts: Sequence[tuple[Key, OutlierStats]], now: float) -> SweepResult[Key]:
        """Judge the interval that ends *now*; *hosts* are all endpoints, ejected ones too."""
        first = self.next_sweep == -math.inf
        self.next_sweep = now + self._options.interval
        result: SweepResult[Key] = SweepResult([], self._readmit_due(hosts, now), [], [])
        samples: list[_Sample[Key]] = []
        for key, stats in hosts:
            successes, total = stats.close_interval()
            if not stats.ejected:
                samples.append((key, stats, successes, total))
        if not first:
            # Before the first sweep began an interval, what was counted has no length.
            self._eject_outliers(samples, len(hosts), now, result)
        self._fade(hosts, now)
        return result

    def readmit(self, stats: OutlierStats, now: float) -> None:
        """End an ejection at once, as a passing active health check does."""
        if stats.ejected:
            stats.ejected = False
            stats.readmitted_at = now
            # Outcomes of calls that began before must not count against it again.
            stats.close_interval()

    def _readmit_due(self, hosts: Sequence[tuple[Key, OutlierStats]], now: float) -> list[Key]:
        readmitted = []
        for key, stats in hosts:
            # abs: a clock that was set back far must not keep it out until it caught up.
            if stats.ejected and (
                self._options.shadow or abs(now - stats.ejected_at) >= self._duration(stats)
            ):
                self.readmit(stats, now)
                readmitted.append(key)
        return readmitted

    def _duration(self, stats: OutlierStats) -> float:
        return min(self._options.base_ejection_time * stats.multiplier, self._longest)

    def _eject_outliers(
        self, samples: Sequence[_Sample[Key]], hosts: int, now: float, result: SweepResult[Key]
    ) -> None:
        out = hosts - len(samples)
        judged = set()
        for key, stats, reason in self._outliers(samples):
            if key in judged:
                continue
            judged.add(key)
            if not self._may_eject(out, hosts):
                result.overflowed.append((key, reason))
                continue
            out += 1
            if self._options.shadow:
                result.would_eject.append((key, reason, self._options.base_ejection_time))
            else:
                result.ejected.append((key, reason, self._eject(stats, now)))

    def _outliers(self, samples: Sequence[_Sample[Key]]) -> Iterator[tuple[Key, OutlierStats, str]]:
        options = self._options
        enough = [sample for sample in samples if sample[3] >= options.request_volume]
        if len(enough) >= options.minimum_hosts:
            rates = [successes / total for _, _, successes, total in enough]
            threshold = SuccessRates.of(rates, options.success_rate_factor).threshold
            for (key, stats, _, _), rate in zip(enough, rates, strict=True):
                if rate < threshold:
                    yield key, stats, _SUCCESS_RATE
        if options.failure_ratio is None:
            return
        enough = [sample for sample in samples if sample[3] >= options.failure_request_volume]
        if len(enough) < options.failure_minimum_hosts:
            return
        for key, stats, successes, total in enough:
            if (total - successes) / total >= options.failure_ratio:
                yield key, stats, _FAILURE_RATIO

    def _may_eject(self, out: int, hosts: int) -> bool:
        share = self._options.max_ejection_ratio
        if hosts - out - 1 < self._options.min_healthy or not share:
            return False
        return out == 0 or (out + 1) / hosts <= share

    def _eject(self, stats: OutlierStats, now: float) -> float:
        base = self._options.base_ejection_time
        if base * stats.multiplier < self._longest + base:
            stats.multiplier += 1
        stats.ejected = True
        stats.ejected_at = now
        return self._duration(stats)

    def _fade(self, hosts: Sequence[tuple[Key, OutlierStats]], now: float) -> None:
        for _, stats in hosts:
            good = abs(now - stats.readmitted_at) >= self._options.interval
            if stats.multiplier and not stats.ejected and good:
                stats.multiplier -= 1
