"""
The reports that endpoints gave of their load, and the choice between them.
"""

from __future__ import annotations

import random
from collections.abc import Container
from math import inf

from ._load import Load
from ._prequal_options import PrequalOptions


class Report:
    """What one endpoint said of itself at the instant *at*; `uses` is how often it may serve."""

    __slots__ = ("at", "latency", "load", "rif", "uses")

    def __init__(self, load: Load, rif: float, latency: float, at: float, uses: float) -> None:
        self.load = load
        self.rif = rif
        self.latency = latency
        self.at = at
        self.uses = uses


def reuse_limit(options: PrequalOptions, count: int, rate: float) -> float:
    """
    How often a report may be used when *rate* of them come in for each attempt.

    `max(1, (1 + delta) / ((1 - m/n) * rate - removals))`, where m is the size of the pool
    and n the *count* of endpoints. Infinite where that is not above 0: few endpoints
    replace their own reports, and removing others would only empty the pool.
    """
    surplus = (1.0 - options.pool_size / count) * rate - options.removal_rate
    if surplus <= 0.0:
        return inf
    return max(1.0, (1.0 + options.reuse_growth) / surplus)


class ReportPool:
    """
    The latest reports of up to `pool_size` endpoints, one of each.

    Not thread-safe: the owner holds a lock around every method, for O(pool_size) steps.
    """

    __slots__ = (
        "_age",
        "_quantile",
        "_removal",
        "_removes_worst",
        "_rng",
        "_size",
        "reports",
        "reuse",
    )

    def __init__(self, options: PrequalOptions, rng: random.Random) -> None:
        self._age = options.report_age
        self._quantile = options.hot_quantile
        self._removal = options.removal_rate
        self._removes_worst = False
        self._rng = rng
        self._size = options.pool_size
        self.reports: dict[Load, Report] = {}
        """The oldest first."""
        self.reuse = inf
        """How often a report may be used; infinite also means that only age removes any."""

    def add(self, load: Load, rif: float, latency: float, now: float) -> None:
        """Keep a new report of *load*, in the place of its last one or of the oldest."""
        reports = self.reports
        if reports.pop(load, None) is None and len(reports) >= self._size:
            del reports[next(iter(reports))]
        uses = self.reuse if self.reuse == inf else self._rounded(self.reuse)
        reports[load] = Report(load, rif, latency, now, uses)

    def drop(self, load: Load) -> None:
        """Forget what *load* said."""
        self.reports.pop(load, None)

    def fresh(self, now: float) -> dict[Load, Report]:
        """The reports that are not too old, the oldest first."""
        reports, oldest = self.reports, now - self._age
        while reports:
            first = next(iter(reports))
            if reports[first].at >= oldest:
                break
            del reports[first]
        return reports

    def among(self, members: Container[Load], now: float) -> list[Report]:
        """The fresh reports of *members*."""
        # No comprehension: up to Python 3.11 it is one more function.
        found = []
        for load, report in self.fresh(now).items():
            if load in members:
                found.append(report)
        return found

    def best(self, reports: list[Report]) -> Report:
        """
        Choose by hot and cold, lexicographically: the fastest of the cold ones.

        Hot is what serves more requests than the quantile of all; among hot ones only, the
        one that serves fewest is chosen. Weights divide both.
        """
        if self._quantile:
            ceiling = quantile_of(reports, self._quantile)
            # The one that serves fewest is never hot.
            reports = [report for report in reports if report.rif / report.load.weight <= ceiling]
            return min(reports, key=_latency)
        chosen = reports[0]
        weight = chosen.load.weight
        fewest, least = chosen.rif / weight, chosen.latency / weight
        for report in reports:
            weight = report.load.weight
            served = report.rif / weight
            if served <= fewest and (served < fewest or report.latency / weight < least):
                chosen, fewest, least = report, served, report.latency / weight
        return chosen

    def used(self, report: Report) -> None:
        """An attempt goes to the endpoint of *report*, which therefore serves one more."""
        report.rif += 1
        report.uses -= 1
        if report.uses <= 0:
            self.drop(report.load)

    def thin_out(self) -> None:
        """Drop the oldest report and the worst one in turn, `removal_rate` of them."""
        if self.reuse == inf:
            return
        for _ in range(self._rounded(self._removal)):
            if len(self.reports) <= 2:  # what is left is better than nothing
                return
            self.drop(self._worst() if self._removes_worst else next(iter(self.reports)))
            self._removes_worst = not self._removes_worst

    def _worst(self) -> Load:
        """The hot report with the most requests, or else the slowest of the cold ones."""
        reports = list(self.reports.values())
        ceiling = quantile_of(reports, self._quantile)
        worst = max(reports, key=_served)
        return (worst if _served(worst) > ceiling else max(reports, key=_latency)).load

    def _rounded(self, number: float) -> int:
        """*number*, up or down at random, so that it is right on average."""
        return int(number + self._rng.random())


def quantile_of(reports: list[Report], quantile: float) -> float:
    """The *quantile* of how many requests each report's endpoint serves, by its weight."""
    served = sorted([report.rif / report.load.weight for report in reports])
    return served[int(quantile * (len(served) - 1))]


def _served(report: Report) -> float:
    return report.rif / report.load.weight


def _latency(report: Report) -> float:
    return report.latency / report.load.weight
